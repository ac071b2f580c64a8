"""Tests for reading TensorFlow checkpoints."""

import tarfile

import numpy as np
import pytest

from keras_efficient.converters import read_checkpoint
from keras_efficient.converters.file_formats import is_checkpoint
from tests.converters import checkpoints
from tests.marks import on_one_backend

pytestmark = on_one_backend

tf = pytest.importorskip("tensorflow")


def write(prefix, **tensors):
    named = {name.replace("__", "/"): x for name, x in tensors.items()}
    checkpoints.write_tensorflow(prefix, named)


def test_averages_precede_raw_weights_and_slots_are_skipped(tmp_path):
    write(
        tmp_path / "model.ckpt-7",
        net__a=[1.0],
        net__a__ExponentialMovingAverage=[2.0],
        net__a__RMSProp=[3.0],
        net__a__RMSProp_1=[4.0],
        net__b=[5.0],
        net__b__Momentum=[6.0],
        global_step=7,
        text="a",
    )
    arrays = read_checkpoint(tmp_path)
    assert {name: value.tolist() for name, value in arrays.items()} == {
        "net/a": [2.0],
        "net/b": [5.0],
    }


@pytest.mark.parametrize(
    "name",
    [
        "model.ckpt-7",
        "model.ckpt-7.index",
        "model.ckpt-7.meta",
        "model.ckpt-7.data-00000-of-00001",
    ],
)
def test_every_file_of_a_checkpoint_names_it(tmp_path, name):
    write(tmp_path / "model.ckpt-7", a=[7.0])
    write(tmp_path / "model.ckpt-8", a=[8.0])
    assert is_checkpoint(tmp_path / name)
    assert read_checkpoint(tmp_path / name)["a"] == 7


def test_folder_has_the_last_step(tmp_path):
    for step in (9, 10, 8):
        write(tmp_path / f"model.ckpt-{step}", a=[float(step)])
    assert read_checkpoint(tmp_path)["a"] == 10


def test_folder_has_the_checkpoint_of_its_state(tmp_path):
    for step in (8, 10):
        write(tmp_path / f"model.ckpt-{step}", a=[float(step)])
    # Paths of the machine that wrote it, which do not exist here.
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/tmp/there/model.ckpt-8"\n'
        'all_model_checkpoint_paths: "/tmp/there/model.ckpt-10"\n'
    )
    assert read_checkpoint(tmp_path)["a"] == 8


def test_names_of_tensorflow_2(tmp_path):
    variables = {"net.x/stem/kernel": tf.Variable([1.0])}
    tf.train.Checkpoint(**variables).write(str(tmp_path / "c"))
    arrays = read_checkpoint(tmp_path)
    assert {k: v.tolist() for k, v in arrays.items()} == {
        "net.x/stem/kernel": [1.0]
    }


def test_names_of_tensorflow_1(tmp_path):
    """Google's training script used a `Saver` in a graph."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in (
            ("a/b", 1.0),
            ("a/b/ExponentialMovingAverage", 2.0),
        ):
            tf.compat.v1.get_variable(name, initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "c"))
    np.testing.assert_array_equal(read_checkpoint(tmp_path)["a/b"], 2.0)


def test_archives_are_not_unpacked_elsewhere(tmp_path):
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    write(folder / "model.ckpt", **{"net/a": [1.0]})
    (folder / "checkpoint").write_text("")
    path = checkpoints.pack_as_google(folder / "model.ckpt", folder / "a.tgz")
    before = sorted(tmp_path.rglob("*"))
    assert read_checkpoint(path)["net/a"] == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_resource_forks_of_macos_are_ignored(tmp_path):
    (tmp_path / "._model.ckpt.index").write_bytes(b"made by macOS")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "._model.ckpt.index", "._model.ckpt.index")
    with pytest.raises(ValueError, match="contains no TensorFlow"):
        read_checkpoint(tmp_path / "a.tar")


def test_truncated_archives(tmp_path):
    write(tmp_path / "model.ckpt", a=np.random.rand(9999))
    (tmp_path / "checkpoint").write_text("")
    path = checkpoints.pack_as_google(
        tmp_path / "model.ckpt", tmp_path / "a.gz"
    )
    path.write_bytes(path.read_bytes()[:-999])
    with pytest.raises(ValueError, match="a.gz cannot be read"):
        read_checkpoint(path)


def test_missing_data_files(tmp_path):
    write(tmp_path / "model.ckpt", a=[1.0])
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        read_checkpoint(tmp_path / "model.ckpt")
