"""Tests for the normalization of pixels that belongs to a checkpoint."""

import pathlib

import keras
import numpy as np
import pytest

from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.file_formats import read_config
from keras_efficient.converters.naming.scheme import LocatedArray
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.normalization import find_normalization
from keras_efficient.converters.normalization import take_normalization
from tests.converters import checkpoints
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend

MEAN, STD = checkpoints.IMAGENET


def of_keras(variance, name="normalization"):
    return {
        f"{name}/mean": np.array(MEAN, "float32"),
        f"{name}/variance": np.array(variance, "float32"),
        f"{name}/count": np.array(7),
        "stem_conv/kernel": np.zeros(3),
    }


def take(arrays):
    """Return the normalization in a file and the names of its weights."""
    located = [LocatedArray(k, k, v) for k, v in arrays.items()]
    found, weights = take_normalization(located, {})
    return found, [item.name for item in weights]


def choose(name, argument=None, arrays=None, config=None):
    located = [LocatedArray(k, k, v) for k, v in (arrays or {}).items()]
    network = Network.of(keras.Sequential([keras.Input((2,))]))
    path = pathlib.Path(name)
    return find_normalization(located, network, path, config or {}, argument)[0]


@pytest.mark.parametrize("name", ["normalization", "normalization_3"])
def test_official_files_hold_deviations_for_variances(name):
    found, weights = take(of_keras(STD, name))
    np.testing.assert_allclose(found.mean, MEAN, rtol=1e-6)
    np.testing.assert_allclose(found.std, STD, rtol=1e-6)
    assert weights == ["stem_conv/kernel"]


def test_other_files_hold_variances():
    found, _ = take(of_keras((0.04, 0.09, 0.16)))
    np.testing.assert_allclose(found.std, (0.2, 0.3, 0.4), rtol=1e-6)
    # A layer that was not adapted leaves pixels in [0, 1].
    found, _ = take(of_keras((1, 1, 1)))
    assert found.std == (1, 1, 1)


def test_our_own_files_hold_deviations():
    found, _ = take(
        {"preprocessing/mean": np.zeros(1), "preprocessing/std": np.ones(1) / 4}
    )
    assert (found.mean, found.std) == ((0,), (0.25,))


def test_files_without_normalization():
    found = take({"stem_conv/kernel": np.zeros(3)})
    assert found == (None, ["stem_conv/kernel"])


def test_impossible_deviations():
    with pytest.raises(ValueError, match=r"1e-06.*std=\(0.0, 1.0, 1.0\)"):
        take(of_keras((0, 1, 1)))


def test_order_of_precedence():
    of_file = of_keras((1, 1, 1))
    name = "tf_efficientnet_b0_ap-f262efe1.pth"
    config = {"pretrained_cfg": {"mean": [0.4] * 3, "std": [0.3] * 3}}
    argument = ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert choose(name, argument, of_file, config).mean == argument[0]
    assert choose(name, argument, of_file, config).std == argument[1]
    assert choose(name, None, of_file, config).std == (1, 1, 1)
    assert choose(name, None, None, config).mean == (0.5, 0.5, 0.5)
    assert choose("model.safetensors", None, None, config).mean == (0.4,) * 3
    # Layout of timm before version 0.9.
    old = config["pretrained_cfg"]
    assert choose("model.safetensors", None, None, old).std == (0.3,) * 3
    assert choose("model.safetensors").mean == MEAN
    assert "neither the file nor its name" in choose("model.safetensors").origin


@pytest.mark.parametrize(
    "name, mean",
    [
        ("tf_efficientnet_b7_ns-1dbc32de.pth", MEAN),
        ("adv-efficientnet-b0-b64d5a18.pth", (0.5, 0.5, 0.5)),
        ("efficientnet-b0-advprop.tar.gz", (0.5, 0.5, 0.5)),
    ],
)
def test_published_names(name, mean):
    found = choose(name)
    assert found.mean == mean
    assert found.origin.startswith("the manifest's 'efficientnetb")


@pytest.mark.parametrize(
    "argument",
    [0.5, (0.5, 0.5), ((0.5,), (0.5, 0.5)), ((0.5,), (0.0,)), ("a", "b")],
)
def test_wrong_arguments(argument):
    with pytest.raises(ValueError, match="Received"):
        choose("a.pth", argument)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"architecture": 3}'])
def test_other_configs_are_ignored(tmp_path, text):
    assert read_config(tmp_path / "a.pth") == {}
    (tmp_path / "config.json").write_text(text)
    assert read_config(tmp_path / "a.pth") == {}


@pytest.mark.parametrize("channels", [3, 1])
def test_loading_fills_the_layer(tmp_path, channels):
    model = tiny.build(input_shape=(32, 40, channels))
    path = tmp_path / "a.npz"
    np.savez(path, **tiny.random_weights(model))
    given = ((0.1, 0.2, 0.6), (0.3, 0.4, 0.5))
    report = load_checkpoint(model, path, normalization=given)
    assert (report.normalization.mean, report.normalization.std) == given
    layer = model.get_layer("preprocessing")
    received = [keras.ops.convert_to_numpy(x) for x in (layer.mean, layer.std)]
    expected = given if channels == 3 else ([0.3], [0.4])
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_model_without_the_layer_is_reported(tmp_path):
    model = tiny.build(include_preprocessing=False)
    path = tmp_path / "a.npz"
    weights = {**of_keras(STD), **tiny.random_weights(model)}
    np.savez(path, **weights)
    report = load_checkpoint(model, path)
    np.testing.assert_allclose(report.normalization.std, STD, rtol=1e-6)
