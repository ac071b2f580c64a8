"""Calls in a child process with the TensorFlow backend."""

import pickle
import sys

import keras
import pytest

from keras_efficient import export
from keras_efficient.export import tf_subprocess
from keras_efficient.export.errors import ExportProcessError
from tests.support import export as support
from tests.support.export import IS_TENSORFLOW
from tests.support.export import Unregistered
from tests.support.export import confident_classifier
from tests.support.export import plain_classifier
from tests.support.export import tensorflow_only

pytest.importorskip("tensorflow")

needs_a_child = pytest.mark.skipif(
    IS_TENSORFLOW, reason="TensorFlow needs no child process"
)


def reply_of(function, arguments, folder, model=None):
    """Return the reply of the child's main function, run in this process."""
    model = model or plain_classifier()
    model.save(folder / tf_subprocess.MODEL_FILE)
    call = {"modules": [], "function": function, "arguments": arguments}
    (folder / tf_subprocess.CALL_FILE).write_bytes(pickle.dumps(call))
    tf_subprocess.child_main(folder)
    content = (folder / tf_subprocess.REPLY_FILE).read_bytes()
    return pickle.loads(content)


@tensorflow_only
def test_child_replies_with_the_result(tmp_path):
    reply = reply_of(support.names_of, ("a", 2), tmp_path)
    assert reply == {"result": (plain_classifier().output_shape, "a", 2)}


@tensorflow_only
@pytest.mark.parametrize(
    "error, kind, message",
    [
        (ValueError("no convolution"), ValueError, "no convolution"),
        (
            export.ExportMismatchError("by 1"),
            export.ExportMismatchError,
            "by 1",
        ),
        (
            support.ForeignError("secret"),
            ExportProcessError,
            "ForeignError: secret",
        ),
        (
            MemoryError("3 GiB"),
            ExportProcessError,
            "export process ran out of memory (3 GiB). An earlier export",
        ),
    ],
)
def test_child_replies_with_errors(tmp_path, error, kind, message):
    reply = reply_of(support.raise_error, (error,), tmp_path)
    assert type(reply["error"]) is kind
    assert message in str(reply["error"])
    assert "in raise_error" in reply["traceback"]


@tensorflow_only
def test_child_cannot_load_unregistered_layers(tmp_path):
    model = plain_classifier(Unregistered())
    reply = reply_of(support.names_of, (), tmp_path, model)
    assert type(reply["error"]) is ValueError
    message = str(reply["error"])
    assert "Unregistered" in message and "register_keras_ser" in message
    assert len(message) < 900


@needs_a_child
def test_errors_of_the_child_are_raised(tmp_path):
    images = keras.Input((12, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(Unregistered()(images))
    model = keras.Model(images, keras.layers.Dense(2)(x))
    with pytest.raises(ValueError, match="register_keras_serializable"):
        export.saved_model(model, tmp_path / "1", verify=False)
    assert list(tmp_path.iterdir()) == []


@needs_a_child
def test_crash_of_the_child_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="ended with exit status 1"):
        export.saved_model(confident_classifier(), tmp_path / "1", verify=False)
    assert list(tmp_path.iterdir()) == []


def program(path, script):
    """Write a program that takes the place of the Python of the child."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@needs_a_child
@pytest.mark.parametrize(
    "number, message",
    [
        (
            9,
            "The export process was killed by signal 9, probably because it "
            "ran out of memory. An earlier export was not changed. ",
        ),
        (
            6,
            "The export process was ended by signal 6 (SIGABRT), which may be "
            "a lack of memory. An earlier export was not changed. Its last "
            "output: std::bad_alloc",
        ),
    ],
)
def test_killed_child_is_one_error_and_keeps_the_export(
    tmp_path, monkeypatch, number, message
):
    script = f"echo std::bad_alloc >&2; kill -{number} $$"
    child = program(tmp_path / "python", script)
    monkeypatch.setattr(sys, "executable", child)
    path = tmp_path / "exports" / "1"
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text("old")
    with pytest.raises(ExportProcessError) as caught:
        export.saved_model(
            confident_classifier(), path, verify=False, overwrite=True
        )
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert [x.name for x in path.parent.iterdir()] == ["1"]
    assert (path / "saved_model.pb").read_text() == "old"


@needs_a_child
def test_killed_child_keeps_the_exported_file(tmp_path, monkeypatch):
    child = program(tmp_path / "python", "kill -9 $$")
    monkeypatch.setattr(sys, "executable", child)
    path = tmp_path / "exports" / "model.onnx"
    path.parent.mkdir()
    path.write_text("old")
    with pytest.raises(ExportProcessError, match="signal 9"):
        export.onnx(confident_classifier(), path, verify=False, overwrite=True)
    assert [x.name for x in path.parent.iterdir()] == ["model.onnx"]
    assert path.read_text() == "old"
