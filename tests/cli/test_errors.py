"""Errors of the program: one line and an exit status, never a traceback."""

import csv
import json
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import xml.etree.ElementTree
import zipfile
import zlib

import pytest
import yaml
from PIL import Image

from keras_efficient import weights
from keras_efficient.cli import main
from keras_efficient.export.errors import ExportMismatchError
from keras_efficient.export.errors import ExportProcessError
from tests.cli.program import run
from tests.marks import on_one_backend

pytestmark = on_one_backend

USAGE_ERRORS = [
    FileNotFoundError(2, "No such file", "a"),
    PermissionError("no"),
    ValueError("bad value"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    json.JSONDecodeError("Expecting value", "x", 0),
    TypeError("is a detector"),
    ImportError("not installed"),
    MemoryError(),
    MemoryError("Unable to allocate 3 TiB"),
    zipfile.BadZipFile("File is not a zip file"),
    tarfile.ReadError("not a tar file"),
    zlib.error("Error -3"),
    lzma.LZMAError("Corrupt input data"),
    struct.error("unpack requires a buffer of 4 bytes"),
    csv.Error("line contains NUL"),
    EOFError("Ran out of input"),
    EOFError(),
    OverflowError("int too large to convert to float"),
    pickle.UnpicklingError("invalid load key"),
    RecursionError("maximum recursion depth exceeded"),
    xml.etree.ElementTree.ParseError("not well-formed"),
    yaml.YAMLError("mapping values\nare not allowed here"),
    Image.DecompressionBombError("too many pixels"),
]
FAILURES = [
    FloatingPointError("the loss is NaN"),
    ExportMismatchError("differs by 1"),
    ExportProcessError("The export process was killed by signal 9"),
]
UNEXPECTED = [
    KeyError("categories"),
    IndexError("list index out of range"),
    AttributeError("'list' object has no attribute 'get'"),
    RuntimeError("first\nsecond\nthird"),
    ZeroDivisionError("division by zero"),
    AssertionError(),
    Exception("of a library"),
]


def error_of(error, monkeypatch, capsys):
    """Return exit status and standard error of a command that fails."""

    def fail(*arguments):
        raise error

    monkeypatch.setattr(weights, "tags", fail)
    status = run(monkeypatch, "list", "B0")
    return status, capsys.readouterr().err


@pytest.mark.parametrize("error", USAGE_ERRORS, ids=repr)
def test_invalid_input_is_one_line(error, monkeypatch, capsys):
    status, text = error_of(error, monkeypatch, capsys)
    assert status == main.USAGE_ERROR == 2
    (line,) = text.splitlines()
    assert line.startswith("keras-efficient: ") and "Traceback" not in line
    assert str(error).split("\n")[0] in line
    assert len(line) > len("keras-efficient: ")


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_failures_have_status_1(error, monkeypatch, capsys):
    status, text = error_of(error, monkeypatch, capsys)
    assert status == main.FAILURE == 1
    assert text == f"keras-efficient: {error}\n"


@pytest.mark.parametrize("error", UNEXPECTED, ids=repr)
def test_unexpected_errors_are_one_line(error, monkeypatch, capsys):
    status, text = error_of(error, monkeypatch, capsys)
    assert status == main.FAILURE
    (line,) = text.splitlines()
    name = type(error).__name__
    first = str(error).split("\n")[0] or "no details"
    assert line == (
        f"keras-efficient: Unexpected {name}: {first}. Set "
        "KERAS_EFFICIENT_DEBUG=1 to see the traceback, and report it if the "
        "input is valid."
    )


def test_memory_error_says_what_to_do(monkeypatch, capsys):
    _, text = error_of(MemoryError(), monkeypatch, capsys)
    assert "not enough memory (no details). Close other programs" in text


@pytest.mark.parametrize("error", [ValueError("a"), KeyError("a")], ids=repr)
def test_traceback_is_shown_on_request(error, monkeypatch, capsys):
    monkeypatch.setenv(main.DEBUG_VARIABLE, "1")
    with pytest.raises(type(error)):
        error_of(error, monkeypatch, capsys)


def test_errors_before_the_command_are_one_line(monkeypatch, capsys):
    def fail(*arguments):
        raise RuntimeError("no home folder")

    monkeypatch.setattr(main, "select_backend", fail)
    assert run(monkeypatch, "list") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Unexpected RuntimeError: no home folder" in line


def test_escape_sequences_of_file_names_are_not_printed(monkeypatch, capsys):
    error = FileNotFoundError("a\x1b[31m\x07\x9b\r.png \udcff ü")
    _, text = error_of(error, monkeypatch, capsys)
    assert "a\\x1b[31m\\x07\\x9b\\r.png \\udcff ü" in text
    assert all(x.isprintable() for x in text.rstrip("\n"))


BAD_FILES = {
    "empty": b"",
    "text": b"no model",
    "zip": b"PK\x03\x04" + b"\x00" * 50,
    "hdf5": b"\x89HDF\r\n\x1a\n" + b"\x00" * 50,
    "gzip": b"\x1f\x8b\x08\x00" + b"\xff" * 20,
    "json": b"[" * 5000,
    "latin": b"\xff\xfe\xe9",
    "image": b"\x89PNG\r\n\x1a\n" + b"\xff" * 30,
}
COMMANDS = {
    ".keras": "classify {good} --model {bad}",
    ".h5": "convert {bad} out.npz --model EfficientNetB0",
    ".pth": "convert {bad} out.npz --model EfficientNetB0",
    ".npz": "convert {bad} out.npz --model EfficientNetB0",
    ".tar.gz": "convert {bad} out.npz --model EfficientNetB0",
    ".safetensors": "convert {bad} out.npz --model EfficientNetB0",
    ".json": "check {bad}",
    ".yaml": "train data --config {bad}",
    ".csv": "check {bad}",
}


@pytest.mark.parametrize("suffix", COMMANDS)
@pytest.mark.parametrize("kind", BAD_FILES)
def test_damaged_files_are_one_error(
    tmp_path, monkeypatch, capfd, kind, suffix
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"bad{suffix}").write_bytes(BAD_FILES[kind])
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    words = COMMANDS[suffix].format(bad=f"bad{suffix}", good="good.png")
    assert run(monkeypatch, *words.split()) == 2
    text = capfd.readouterr().err
    assert text and "Traceback" not in text and "Unexpected" not in text
    assert not (tmp_path / "out.npz").exists()


def test_a_new_process_prints_no_traceback(tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"PK\x03\x04")
    process = subprocess.run(
        [
            sys.executable, "-m", "keras_efficient.cli",
            "benchmark", "bad.keras",
        ],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert "keras-efficient: " in process.stderr
