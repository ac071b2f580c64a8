"""Classifiers with one output, several labels, logits and other channels."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import load_image
from keras_efficient.inference import classify
from keras_efficient.inference import outputs_of
from keras_efficient.inference.logits import sigmoid
from keras_efficient.inference.model_images import ModelImages
from keras_efficient.inference.model_images import images_of
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.builders import tiny
from tests.support.random_weights import randomize


def model_of(classes, activation, channels=3, **arguments):
    return randomize(
        tiny(
            classes=classes,
            classifier_activation=activation,
            input_shape=(40, 40, channels),
            **arguments,
        )
    )


def expected_shares(model, image):
    """The probabilities by Keras alone."""
    pixels = ClassificationPreprocessing((40, 40))(image)[None]
    return model.predict(pixels.astype("float32"), verbose=0)[0]


@pytest.fixture
def image():
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (50, 60, 3), "uint8")


@slow_to_compile
@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output(activation, image):
    model = model_of(1, activation)
    share = expected_shares(model, image)
    share = sigmoid(share) if activation is None else share
    assert (model.exclusive, model.from_logits) == (False, activation is None)
    assert model.threshold == 0.5
    for names in (None, ("dog",)):
        model.class_names = names
        (found,) = model.classify(image)
        assert found.labels.tolist() == [0]
        np.testing.assert_allclose(found.probabilities, share, atol=1e-5)
        assert found.names == list(names or ("0",))
        for threshold, is_dog in ((0.0, True), (1.0, False)):
            (found,) = model.classify(image, threshold=threshold)
            assert found.predicted.tolist() == [is_dog]


def test_one_output_with_the_names_of_both_classes(image):
    model = model_of(1, "sigmoid")
    model.class_names = ("cat", "dog")
    (share,) = expected_shares(model, image)
    for threshold, names in ((0.0, ["dog", "cat"]), (1.0, ["cat", "dog"])):
        (found,) = model.classify(image, threshold=threshold)
        assert found.names == names
        assert found.predicted_names == names[:1]
        shares = dict(zip(found.names, found.probabilities, strict=True))
        np.testing.assert_allclose(shares["dog"], share, atol=1e-5)
        np.testing.assert_allclose(shares["cat"], 1 - share, atol=1e-5)
    (found,) = model.classify(image, top=1)
    assert len(found) == 1 and found.to_dict()["predicted"] == [True]
    with pytest.raises(ValueError, match="1 or 2 names"):
        model.class_names = ("cat", "dog", "bird")


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_several_labels(activation, image):
    model = model_of(4, activation)
    model.exclusive = False
    shares = expected_shares(model, image)
    shares = sigmoid(shares) if activation is None else shares
    threshold = float(np.sort(shares)[1:3].mean())  # Two are above.
    (found,) = model.classify(image, threshold=threshold, top=9)
    order = np.argsort(-shares)
    assert found.labels.tolist() == order.tolist()
    np.testing.assert_allclose(found.probabilities, shares[order], atol=1e-5)
    assert found.predicted.tolist() == [True, True, False, False]
    assert found.predicted_names == [str(x) for x in order[:2]]


def test_settings_are_saved_and_fused(tmp_path):
    model = model_of(4, None)
    assert (model.exclusive, model.threshold) == (True, None)
    model.exclusive, model.threshold = False, 0.7
    model.class_names = ("a", "b", "c", "d")
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    for one in (loaded, model.fused(), keras.models.clone_model(model)):
        assert (one.exclusive, one.threshold) == (False, 0.7)
        assert one.class_names == ("a", "b", "c", "d")
    with pytest.raises(ValueError, match="probability in"):
        model.threshold = 70


@on_one_backend
def test_thresholds_need_classes_that_do_not_exclude_each_other(image):
    model = model_of(4, "softmax")
    with pytest.raises(ValueError, match="`threshold` is for models"):
        model.classify(image, threshold=0.3)
    with pytest.raises(ValueError, match="`threshold` is for models"):
        model.threshold = 0.3
    with pytest.raises(ValueError, match="no classifier"):
        tiny(include_top=False).threshold = 0.3
    with pytest.raises(ValueError, match="is always 1"):
        outputs_of(model_of(1, None), exclusive=True)


@on_one_backend
def test_a_softmax_of_one_output_is_one(image):
    model = model_of(1, "softmax")
    with pytest.warns(UserWarning, match="softmax over axis"):
        (found,) = model.classify(image)
    assert found.probabilities.tolist() == [1.0] and model.exclusive


@on_one_backend
@pytest.mark.parametrize(
    ("layer", "from_logits", "exclusive"),
    [
        (keras.layers.Activation("sigmoid"), False, False),
        (keras.layers.Activation("hard_sigmoid"), False, False),
        (keras.layers.Softmax(), False, True),
        (keras.layers.Dense(3, "sigmoid"), False, False),
        (keras.layers.Dense(3), True, True),
        (keras.layers.Dense(1), True, False),
    ],
)
def test_plain_models(layer, from_logits, exclusive):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), layer])
    found = outputs_of(model)
    assert (found.from_logits, found.exclusive) == (from_logits, exclusive)
    nested = keras.Sequential([keras.Input((3,)), model])
    assert outputs_of(nested) == found


@on_one_backend
def test_unknown_activations():
    layers = [keras.Input((3,)), keras.layers.Dense(3, "tanh")]
    model = keras.Sequential(layers)
    with pytest.raises(ValueError, match="`exclusive=False`, a sigmoid"):
        outputs_of(model)
    assert outputs_of(model, from_logits=False).exclusive
    assert not outputs_of(model, False, exclusive=False).exclusive


@on_one_backend
def test_thresholds_of_logits():
    layers = [keras.Input((3,)), keras.layers.Dense(1)]
    found = outputs_of(keras.Sequential(layers), threshold=0.9)
    np.testing.assert_allclose(sigmoid(np.array(found.logit_threshold)), 0.9)
    never = outputs_of(keras.Sequential(layers), threshold=1.0)
    assert never.logit_threshold == np.inf


@on_one_backend
@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_channels(channels, tmp_path):
    model = model_of(3, "softmax", channels)
    stored = channels if channels in (2, 6) else 4
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (50, 60, stored), "uint8")
    sources = [array]
    if channels in (1, 4):
        path = tmp_path / "a.png"
        Image.fromarray(array).save(path)
        sources.append(path)
    expected = expected_shares(model, load_image(array, channels=channels))
    for found in classify(model, sources, batch_size=2):
        order = np.argsort(-expected)
        np.testing.assert_allclose(
            found.probabilities, expected[order], atol=1e-5
        )
        assert found.plot().mode == "RGB"


@on_one_backend
def test_images_of_models():
    for shape, expected in (
        ((40, 30, 1), ModelImages((40, 30), 1, False)),
        ((None, None, 4), ModelImages((None, None), 4, False)),
        ((40, 30, 6), ModelImages((40, 30), 6, False)),
        ((3, 40, 30), ModelImages((40, 30), 3, True)),
        ((6, 40, 30), ModelImages((40, 30), 6, True)),
        ((4, None, None), ModelImages((None, None), 4, True)),
    ):
        pixels = keras.Input(shape)
        assert images_of(keras.Model(pixels, pixels)) == expected
    first = tiny(input_shape=(4, 40, 40), data_format="channels_first")
    assert images_of(first) == ModelImages((40, 40), 4, True)
    with pytest.raises(ValueError, match="one image as input"):
        vector = keras.Input((3,))
        images_of(keras.Model(vector, vector))


@on_one_backend
def test_sigmoid_does_not_overflow():
    found = sigmoid(np.array([-1e4, 0, 1e4], "float32"))
    assert found.tolist() == [0.0, 0.5, 1.0] and found.dtype == np.float32
