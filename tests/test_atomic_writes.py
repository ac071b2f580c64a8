"""Files and folders appear complete or not at all."""

import os
import pathlib
import stat

import pytest

from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import atomic_folder
from keras_efficient.atomic_writes import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def fill(path, text, **options):
    with atomic_folder(path, **options) as folder:
        (folder / "file").write_text(text)
        # Beside the target: on the same file system.
        assert folder.parent.parent == path.parent


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_creates_the_folder_and_its_parents(tmp_path):
    path = tmp_path / "served" / "flowers" / "1"
    fill(path, "new")
    assert (path / "file").read_text() == "new"
    assert names_in(path.parent) == ["1"]


def test_folder_has_default_permissions(tmp_path):
    fill(tmp_path / "1", "new")
    (tmp_path / "usual").mkdir()
    modes = [
        stat.S_IMODE(os.stat(tmp_path / name).st_mode)
        for name in ("1", "usual")
    ]
    assert modes[0] == modes[1]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "1").mkdir()
    fill(tmp_path / "1", "new")
    assert names_in(tmp_path / "1") == ["file"]


@pytest.mark.parametrize("name, other", [("1", "2"), ("model", "model-2")])
def test_a_full_folder_is_kept(tmp_path, name, other):
    fill(tmp_path / name, "old")
    with pytest.raises(FileExistsError, match=f"overwrite=True.*/{other}$"):
        fill(tmp_path / name, "new")
    assert (tmp_path / name / "file").read_text() == "old"
    assert names_in(tmp_path) == [name]


def test_overwrite_replaces_the_whole_folder(tmp_path):
    fill(tmp_path / "1", "old")
    (tmp_path / "1" / "more").write_text("old")
    fill(tmp_path / "1", "new", overwrite=True)
    assert names_in(tmp_path / "1") == ["file"]
    assert (tmp_path / "1" / "file").read_text() == "new"
    assert names_in(tmp_path) == ["1"]


def test_error_changes_nothing(tmp_path):
    fill(tmp_path / "1", "old")
    with pytest.raises(KeyboardInterrupt):
        with atomic_folder(tmp_path / "1", overwrite=True) as folder:
            (folder / "file").write_text("half")
            assert (tmp_path / "1" / "file").read_text() == "old"
            raise KeyboardInterrupt
    assert (tmp_path / "1" / "file").read_text() == "old"
    assert names_in(tmp_path) == ["1"]


def test_failing_rename_restores_the_old_folder(tmp_path):
    fill(tmp_path / "1", "old")
    with pytest.raises(FileNotFoundError):
        with atomic_folder(tmp_path / "1", overwrite=True) as folder:
            folder.rmdir()
    assert (tmp_path / "1" / "file").read_text() == "old"
    assert names_in(tmp_path) == ["1"]


def test_second_writer_does_not_replace(tmp_path):
    with pytest.raises(FileExistsError, match="not empty"):
        with atomic_folder(tmp_path / "1") as folder:
            (folder / "file").write_text("late")
            fill(tmp_path / "1", "first")
    assert (tmp_path / "1" / "file").read_text() == "first"


def test_link_remains_a_link(tmp_path):
    fill(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    fill_through_link = tmp_path / "link"
    with atomic_folder(fill_through_link, overwrite=True) as folder:
        (folder / "file").write_text("new")
    assert fill_through_link.is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"


def test_a_file_is_never_replaced(tmp_path):
    (tmp_path / "1").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        fill(tmp_path / "1", "new", overwrite=True)
    assert (tmp_path / "1").read_text() == "mine"


def test_a_file_appears_complete(tmp_path):
    path = tmp_path / "new" / "model.weights.h5"
    with atomic_file(path) as temporary:
        # `save_weights` refuses other names.
        assert temporary.name == path.name
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names_in(path.parent) == [path.name]


def test_an_error_keeps_the_old_file(tmp_path):
    path = tmp_path / "names.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["names.txt"]


def test_a_file_is_not_overwritten_unless_allowed(tmp_path):
    path = tmp_path / "names.txt"
    write_text(path, "old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        with atomic_file(path, overwrite=False):
            raise AssertionError("the check comes first")
    write_text(path, "äöü")
    assert path.read_text(encoding="utf-8") == "äöü"


def test_writes_within_a_write_do_not_wait_for_it(tmp_path, monkeypatch):
    def wait(seconds):
        raise AssertionError("waits for its own lock")

    monkeypatch.setattr("keras_efficient.atomic_writes.time.sleep", wait)
    with atomic_file(tmp_path / "a.txt") as outer:
        with atomic_file(outer) as inner:
            inner.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"
    with atomic_folder(tmp_path / "b") as outer:
        write_text(outer / "c.txt", "new")
        write_text(outer.with_name("d.txt"), "not kept")
    assert names_in(tmp_path) == ["a.txt", "b"]
    assert names_in(tmp_path / "b") == ["c.txt"]


def test_folder_is_not_replaced_by_a_file(tmp_path):
    with pytest.raises(FileExistsError, match="is a folder"):
        write_text(tmp_path, "text")


def test_contents_are_on_the_disk_before_the_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, pathlib.Path.replace

    def record_fsync(descriptor):
        fsync(descriptor)
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("folder" if is_folder else "file")

    def record_replace(self, target):
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(pathlib.Path, "replace", record_replace)
    write_text(tmp_path / "a.txt", "a")
    assert events == ["file", "rename", "folder"]
    events.clear()
    with atomic_folder(tmp_path / "folder") as folder:
        (folder / "inner").mkdir()
        for name in ("a", "inner/b"):
            (folder / name).write_text(name)
    assert sorted(events[:4]) == ["file", "file", "folder", "folder"]
    assert events[4:] == ["folder"]  # the one that contains the new name
