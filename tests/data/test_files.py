"""Tests for finding files by the names that annotations state."""

import os
import unicodedata

import pytest

from keras_efficient.data.readers.files import find_file
from keras_efficient.data.readers.files import is_image
from tests.marks import on_one_backend

pytestmark = on_one_backend

# As most systems write them, and as macOS writes them.
COMPOSED = unicodedata.normalize("NFC", "Äpfel é.jpg")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    "stored, stated",
    [
        ("a.jpg", "a.jpg"),
        ("in/a.jpg", "in\\a.jpg"),
        ("in/a b.jpg", "in/a%20b.jpg"),
        ("in/a b.jpg", "in%5Ca%20b.jpg".replace("%5C", "\\")),
        ("in/a.jpg", "/in/a.jpg"),
        ("in/a.jpg", "\\in\\a.jpg"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (DECOMPOSED, "%C3%84pfel%20%C3%A9.jpg"),
        (DECOMPOSED, COMPOSED.replace(".jpg", ".JPG")),
        (f"{DECOMPOSED}/{DECOMPOSED}", f"{COMPOSED}/{COMPOSED}"),
        ("a.JPG", "a.jpg"),
        ("a.jpg", "a.JPG"),
        ("a+b%20c.jpg", "a+b%20c.jpg"),
        ("100%.jpg", "100%.jpg"),
        ("a\\b.jpg", "a\\b.jpg"),
    ],
)
def test_files_are_found_by_other_spellings(tmp_path, stored, stated):
    write(tmp_path / "images", stored)
    folders = [tmp_path / "none", tmp_path / "images"]
    assert find_file(folders, stated) == tmp_path / "images" / stored


@pytest.mark.parametrize(
    "stated",
    [
        "",
        ".",
        "/",
        "in",
        "a.png",
        "A.jpg",
        "other/a.jpg",
        "/home/somebody/a.jpg",
        "C:\\data\\in\\a.jpg",
        "a.jpg\0",
        "x" * 5000,
    ],
)
def test_other_files_are_not_found(tmp_path, stated):
    write(tmp_path, "a.jpg", "in/a.jpg", "in.jpg/b.jpg")
    assert find_file([tmp_path], stated) is None
    assert find_file([], stated) is None


def test_folders_are_no_files(tmp_path):
    (tmp_path / "a.JPG").mkdir()
    assert find_file([tmp_path], "a.jpg") is None
    assert find_file([tmp_path], "a.JPG") is None


def test_exact_names_come_first(tmp_path):
    write(tmp_path / "first", "a.JPG", DECOMPOSED, "b c.jpg")
    write(tmp_path / "second", "a.jpg", COMPOSED, "b%20c.jpg")
    folders = [tmp_path / "first", tmp_path / "second"]
    for name in ("a.jpg", COMPOSED, "b%20c.jpg"):
        assert find_file(folders, name) == tmp_path / "second" / name


def test_one_of_several_similar_files_is_not_guessed(tmp_path):
    write(tmp_path, "a.JPG", "a.Jpg")
    assert find_file([tmp_path], "a.jpg") is None
    assert find_file([tmp_path], "a.Jpg") == tmp_path / "a.Jpg"
    # The case of the extension says more than the normalization.
    write(tmp_path, DECOMPOSED, COMPOSED.replace("jpg", "JPG"))
    assert find_file([tmp_path], COMPOSED) == tmp_path / DECOMPOSED


def test_absolute_paths_must_exist(tmp_path):
    write(tmp_path, "outside/a.jpg", "set/b.jpg")
    stated = str(tmp_path / "outside" / "a.jpg")
    assert str(find_file([tmp_path / "set"], stated)) == stated
    missing = str(tmp_path / "outside" / "b.jpg")
    assert find_file([tmp_path / "set"], missing) is None


def test_new_files_are_found(tmp_path):
    assert find_file([tmp_path], "a.jpg") is None
    write(tmp_path, "a.JPG")
    # Also where the clock of the file system is coarse.
    os.utime(tmp_path, ns=(1, 1))
    assert find_file([tmp_path], "a.jpg") == tmp_path / "a.JPG"


def test_a_folder_is_listed_once_for_many_names(tmp_path, monkeypatch):
    write(tmp_path, *(f"{i}.JPG" for i in range(50)))
    calls = []
    listdir = os.listdir
    monkeypatch.setattr(
        os, "listdir", lambda path: calls.append(path) or listdir(path)
    )
    for i in range(50):
        assert find_file([tmp_path], f"{i}.jpg") == tmp_path / f"{i}.JPG"
    assert calls == [tmp_path]


def test_images_are_recognized_by_their_ending():
    known = "jpg jpeg jpe jfif png bmp gif webp tif tiff ppm pgm avif jp2 j2k"
    for ending in known.split():
        assert is_image(f"a.{ending}") and is_image(f"A.{ending.upper()}")
    for name in ("a.txt", "a.xml", "a.json", "a.mp4", "jpg", "a.npz", "a.svg"):
        assert not is_image(name)
