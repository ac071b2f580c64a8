"""Compare outputs with those of the library that the weights are from.

Each checkpoint is a full one, of random numbers, in the names and layout of
its library. `pytest -rP` shows the largest difference of each.
"""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from tests.converters import checkpoints
from tests.marks import on_one_backend

# Measured: at most 5e-7 with B0, 1.3e-6 with B5, of outputs that deviate by
# about 0.1.
TOLERANCE = 5e-6
HEIGHT, WIDTH = 97, 130


def build(variant="EfficientNetB0", **arguments):
    row = keras_efficient.variants.EFFICIENTNET_VARIANTS[variant]
    return keras_efficient.EfficientNet(
        width_coefficient=row.width_coefficient,
        depth_coefficient=row.depth_coefficient,
        classifier_activation=None,
        **{"input_shape": (HEIGHT, WIDTH, 3), **arguments},
    )


@pytest.fixture(scope="module")
def same_model():
    return build()


@pytest.fixture(scope="module")
def symmetric_model():
    return build(padding="symmetric", batch_norm_epsilon=1e-5)


def spoil(model):
    """Overwrite the weights that an earlier test loaded."""
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 0.5))


def check_files(model, paths, expected, normalization):
    """Check that all files load equally, and the outputs of the model."""
    filled, sources = [], {}
    for path in paths:
        spoil(model)
        report = load_checkpoint(model, path)
        misfits = (report.missing, report.mismatched, report.unexpected)
        assert misfits == ((), (), ())
        assert len(report.loaded) == len(named_variables(model))
        assert report.normalization.mean == normalization[0]
        assert report.normalization.std == normalization[1]
        filled.append(model.get_weights())
        sources[report.source] = path
    for other in filled[1:]:
        for value, same in zip(filled[0], other, strict=True):
            np.testing.assert_array_equal(value, same)
    pixels = checkpoints.random_pixels(HEIGHT, WIDTH)
    outputs = model.predict(pixels, verbose=0)
    show_difference("/".join(sources), outputs, expected)


def show_difference(what, outputs, expected):
    difference = np.abs(outputs - expected).max()
    print(f"{what}, {keras.backend.backend()}: {difference:.1e}")
    assert outputs.shape == expected.shape
    assert expected.std() > 0.02
    assert difference < TOLERANCE


@pytest.fixture
def keras_applications(monkeypatch, zero_initial_weights):
    """Builders of `keras.applications` that read a given file."""
    from keras.src.applications import efficientnet

    def load(variant, path, **arguments):
        monkeypatch.setattr(
            efficientnet.file_utils, "get_file", lambda *_, **__: str(path)
        )
        return getattr(keras.applications, variant)(
            weights="imagenet", **arguments
        )

    return load


def check_keras_applications(keras_applications, variant, size, tmp_path):
    weights = checkpoints.random_weights(variant)
    path = checkpoints.write_keras2_h5(
        tmp_path / "top.h5", weights, checkpoints.IMAGENET[1]
    )
    original = keras_applications(variant, path, classifier_activation=None)
    pixels = checkpoints.random_pixels(size, size)
    features = original.get_layer("top_activation").output
    both = keras.Model(original.input, [original.output, features])
    logits, features = both.predict(pixels, verbose=0)
    model = build(variant, input_shape=(size, size, 3))
    load_checkpoint(model, path)
    name = f"keras_applications {variant}"
    show_difference(name, model.predict(pixels, verbose=0), logits)
    for layer in ("kernel", "bias"):
        del weights[f"predictions/{layer}"]
    no_top = checkpoints.write_keras2_h5(
        tmp_path / "no_top.h5", weights, checkpoints.IMAGENET[1], nested=True
    )
    model = build(variant, include_top=False, input_shape=(size, size, 3))
    for file, num_ignored in ((no_top, 0), (path, 2)):
        spoil(model)
        report = load_checkpoint(model, file)
        assert len(report.ignored) == num_ignored
        outputs = model.predict(pixels, verbose=0)
        show_difference(f"{name}, no top", outputs, features)


@on_one_backend
def test_keras_applications(keras_applications, tmp_path):
    check_keras_applications(
        keras_applications, "EfficientNetB0", 224, tmp_path
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant, size", [("EfficientNetB3", 300), ("EfficientNetB5", 456)]
)
def test_larger_keras_applications(keras_applications, variant, size, tmp_path):
    check_keras_applications(keras_applications, variant, size, tmp_path)


def save_all_ways(network, folder, name):
    """Save a network in each file format of PyTorch libraries."""
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    tensors = network.state_dict()
    paths = [folder / f"{name}.{end}" for end in ("pth", "pt", "safetensors")]
    torch.save(tensors, paths[0])
    averaged = {f"module.{name}": value for name, value in tensors.items()}
    raw = {name: value + 1 for name, value in averaged.items()}
    torch.save(
        {"epoch": 3, "state_dict": raw, "state_dict_ema": averaged},
        paths[1],
        _use_new_zipfile_serialization=False,
    )
    safetensors.save_file(tensors, paths[2])
    return paths


def check_peer(model, network, paths, normalization=checkpoints.IMAGENET):
    pixels = checkpoints.random_pixels(HEIGHT, WIDTH)
    expected = checkpoints.torch_outputs(network, pixels, normalization)
    check_files(model, paths, expected, normalization)


def random_timm(name):
    timm = checkpoints.import_peer("timm")
    return checkpoints.randomize_torch(timm.create_model(name))


@on_one_backend
def test_timm_ported_from_tensorflow(same_model, tmp_path):
    timm = checkpoints.import_peer("timm")
    network = checkpoints.randomize_torch(
        timm.create_model("tf_efficientnet_b0")
    )
    paths = save_all_ways(network, tmp_path, "tf_efficientnet_b0_aa-827b6e33")
    check_peer(same_model, network, paths)


@on_one_backend
def test_timm_adversarial_propagation(same_model, tmp_path):
    timm = checkpoints.import_peer("timm")
    network = checkpoints.randomize_torch(
        timm.create_model("tf_efficientnet_b0")
    )
    # By this published name, pixels are normalized to [-1, 1].
    name = "tf_efficientnet_b0_ap-f262efe1"
    paths = save_all_ways(network, tmp_path, name)[:1]
    check_peer(same_model, network, paths, checkpoints.HALF)


@on_one_backend
def test_timm_native(symmetric_model, tmp_path):
    network = random_timm("efficientnet_b0")
    paths = save_all_ways(network, tmp_path, "efficientnet_b0_ra-3dd342df")
    check_peer(symmetric_model, network, paths)


@on_one_backend
def test_torchvision(symmetric_model, tmp_path):
    models = checkpoints.import_peer("torchvision.models")
    network = checkpoints.randomize_torch(models.efficientnet_b0(weights=None))
    paths = save_all_ways(
        network, tmp_path, "efficientnet_b0_rwightman-7f5810bc"
    )
    check_peer(symmetric_model, network, paths)


@pytest.mark.slow
def test_torchvision_b5_has_the_epsilon_of_tensorflow(tmp_path):
    models = checkpoints.import_peer("torchvision.models")
    network = checkpoints.randomize_torch(models.efficientnet_b5(weights=None))
    paths = save_all_ways(network, tmp_path, "b5")[:1]
    model = build(
        "EfficientNetB5", padding="symmetric", batch_norm_epsilon=1e-3
    )
    check_peer(model, network, paths)


@on_one_backend
def test_lukemelas(same_model, tmp_path):
    peer = checkpoints.import_peer("efficientnet_pytorch")
    network = peer.EfficientNet.from_name(
        "efficientnet-b0", image_size=(HEIGHT, WIDTH)
    )
    checkpoints.randomize_torch(network)
    paths = save_all_ways(network, tmp_path, "efficientnet-b0-355c32eb")
    check_peer(same_model, network, paths)


@on_one_backend
def test_tensorflow_and_npz(same_model, tmp_path):
    """Compare with the same weights by the names of `keras.applications`."""
    pytest.importorskip("tensorflow")
    weights = checkpoints.random_weights()
    reference = checkpoints.write_keras2_h5(
        tmp_path / "reference.h5", weights, checkpoints.IMAGENET[1]
    )
    load_checkpoint(same_model, reference)
    expected = same_model.predict(
        checkpoints.random_pixels(HEIGHT, WIDTH), verbose=0
    )
    prefix = checkpoints.write_google_checkpoint(
        tmp_path / "model.ckpt", weights
    )
    archive = checkpoints.pack_as_google(prefix, tmp_path / "b0.tar.gz")
    np.savez(tmp_path / "b0.npz", **weights)
    index = prefix.with_name(f"{prefix.name}.index")
    paths = (tmp_path, prefix, index, archive, tmp_path / "b0.npz")
    check_files(same_model, paths, expected, checkpoints.IMAGENET)
