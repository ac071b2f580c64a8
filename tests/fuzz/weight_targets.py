"""Weights files: read completely into a model, or refused unchanged."""

import functools
import pathlib
import random
import tempfile
import warnings
from collections.abc import Callable

import h5py
import keras
import numpy as np

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from keras_efficient.variants import EFFICIENTNET_STAGES
from tests.fuzz.mutations import Files


@functools.cache
def model() -> keras.Model:
    """A network of one block."""
    return keras_efficient.EfficientNet(
        stages=EFFICIENTNET_STAGES[:1],
        width_coefficient=0.25,
        top_filters=8,
        input_shape=(32, 32, 3),
        classes=3,
    )


@functools.cache
def arrays() -> dict[str, np.ndarray]:
    """Valid weights by canonical name."""
    rng = np.random.default_rng(0)
    return {
        name: rng.uniform(0.1, 1, tuple(variable.shape)).astype("float32")
        for name, variable in named_variables(model()).items()
    }


def run(folder: pathlib.Path) -> None:
    """Load the file of a folder; after an error nothing has changed."""
    paths = [x for x in sorted(folder.iterdir()) if "weights" in x.name]
    path = paths[0] if paths else folder
    before = [keras.ops.convert_to_numpy(x).copy() for x in model().weights]
    try:
        load_checkpoint(model(), path, strict=False, source=None)
    except BaseException:
        for variable, value in zip(model().weights, before, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(variable), value
            )
        raise
    for variable, value in zip(model().weights, before, strict=True):
        assert np.isfinite(keras.ops.convert_to_numpy(variable)).all()
        variable.assign(value)


def _seed(
    write: Callable[[pathlib.Path], None], name: str
) -> Callable[[random.Random], Files]:
    @functools.cache
    def content() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, name)
            write(path)
            return path.read_bytes()

    return lambda rng: {name: content()}


def _npz(path: pathlib.Path) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays())  # type: ignore[arg-type]


def _h5(path: pathlib.Path) -> None:
    with h5py.File(path, "w") as file:
        layers = sorted({name.split("/")[0] for name in arrays()})
        file.attrs["layer_names"] = layers
        for layer in layers:
            group = file.create_group(layer)
            own = [x for x in arrays() if x.split("/")[0] == layer]
            group.attrs["weight_names"] = own
            for name in own:
                group[name] = arrays()[name]


def _keras(path: pathlib.Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model().save(path)


def _torch_names() -> dict[str, np.ndarray]:
    """The arrays with names and axes of timm."""
    parts = {
        "stem_conv/kernel": "conv_stem.weight",
        "top_conv/kernel": "conv_head.weight",
        "predictions/kernel": "classifier.weight",
        "predictions/bias": "classifier.bias",
        "block1a_dwconv/kernel": "blocks.0.0.conv_dw.weight",
    }
    found = {}
    for name, torch_name in parts.items():
        array = arrays()[name]
        if array.ndim == 4:
            is_depthwise = "dwconv" in name
            axes = (2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1)
            array = array.transpose(axes)
        elif array.ndim == 2:
            array = array.T
        found[torch_name] = np.ascontiguousarray(array)
    return found


def _torch(path: pathlib.Path, is_zip: bool) -> None:
    import torch

    tensors = {k: torch.from_numpy(v) for k, v in _torch_names().items()}
    torch.save(
        {"state_dict": tensors, "epoch": 3},
        path,
        _use_new_zipfile_serialization=is_zip,
    )


def _safetensors(path: pathlib.Path) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file(_torch_names(), path)


# Names of timm say which padding the weights need.
TIMM = "tf_efficientnet_b0.weights"
SEEDS = {
    "weights_npz": _seed(_npz, "weights.npz"),
    "weights_h5": _seed(_h5, "weights.h5"),
    "weights_keras": _seed(_keras, "weights.keras"),
    "weights_keras_h5": _seed(
        lambda path: model().save_weights(path), "my.weights.h5"
    ),
    "weights_torch": _seed(
        lambda path: _torch(path, is_zip=True), f"{TIMM}.pth"
    ),
    "weights_torch_legacy": _seed(
        lambda path: _torch(path, is_zip=False), f"{TIMM}.pt"
    ),
    "weights_safetensors": _seed(_safetensors, f"{TIMM}.safetensors"),
}
