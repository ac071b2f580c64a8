"""Tests for the `PredictionHead` layer."""

import keras
import numpy as np
import pytest

from keras_efficient.layers import PredictionHead
from keras_efficient.layers.initializers import prior_bias_initializer
from tests.harness import check_config
from tests.harness import check_layer
from tests.harness import to_numpy

SHAPES = {"P3": (2, 5, 7, 4), "P4": (2, 3, 4, 4)}
NUM_PLACES = 5 * 7 + 3 * 4


def features_of(shapes=None, seed=0):
    rng = np.random.default_rng(seed)
    return {
        level: rng.normal(size=shape).astype("float32")
        for level, shape in (shapes or SHAPES).items()
    }


def test_config():
    check_config(
        PredictionHead,
        units=3,
        num_anchors=2,
        filters=8,
        repeats=1,
        min_level=2,
        max_level=4,
        activation="relu",
        use_separable_conv=False,
        bias_initializer=keras.initializers.serialize(prior_bias_initializer()),
        use_bias=False,
        padding="symmetric",
        batch_norm_momentum=0.9,
        batch_norm_epsilon=1e-5,
        data_format="channels_first",
    )


@pytest.mark.parametrize(
    "arguments, num_weights",
    [
        # Two shared convolutions of 3, two norms of 4 per level, predictor.
        ({"repeats": 2}, 2 * 3 + 2 * 2 * 4 + 3),
        ({"repeats": 0}, 3),
        ({"repeats": 1, "use_separable_conv": False}, 2 + 2 * 4 + 2),
        ({"repeats": 1, "use_bias": False}, 2 + 2 * 4 + 3),
    ],
    ids=str,
)
def test_layer(arguments, num_weights):
    check_layer(
        PredictionHead,
        {"units": 3, "num_anchors": 2, "filters": 6, "max_level": 4}
        | arguments,
        input_shape=SHAPES,
        expected_output_shape=(2, NUM_PLACES * 2, 3),
        expected_num_weights=num_weights,
    )


def test_order_is_level_row_column_anchor():
    layer = PredictionHead(3, num_anchors=2, repeats=0, max_level=4)
    features = features_of()
    layer.build({level: x.shape for level, x in features.items()})
    # The predictor copies the first channel and adds the index of its output.
    depthwise, pointwise = (
        layer.predictor.depthwise_conv,
        layer.predictor.pointwise_conv,
    )
    kernel = np.zeros((3, 3, 4, 1))
    kernel[1, 1] = 1
    depthwise.kernel.assign(kernel)
    kernel = np.zeros((1, 1, 4, 6))
    kernel[0, 0, 0] = 1
    pointwise.kernel.assign(kernel)
    pointwise.bias.assign(np.arange(6))
    y = to_numpy(layer(features))
    first = features["P3"][1, 0, 1, 0]  # row 0, column 1
    np.testing.assert_allclose(y[1, 2], first + [0, 1, 2], rtol=1e-5)
    np.testing.assert_allclose(y[1, 3], first + [3, 4, 5], rtol=1e-5)
    second_row = features["P3"][1, 1, 0, 0]
    np.testing.assert_allclose(y[1, 14], second_row + [0, 1, 2], rtol=1e-5)
    coarse = features["P4"][0, 2, 3, 0]  # the last position
    np.testing.assert_allclose(y[0, -1], coarse + [3, 4, 5], rtol=1e-5)


def test_levels_share_convolutions_but_not_norms():
    layer = PredictionHead(1, num_anchors=1, filters=4, repeats=1, max_level=4)
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 4)).astype("float32")
    # The features of both levels have equal values.
    same = {"P3": x, "P4": x}
    y = to_numpy(layer(same))
    np.testing.assert_array_equal(y[:, :24], y[:, 24:])
    layer.conv_norms[0].norms["P4"].gamma.assign(np.full(4, 3.0))
    y = to_numpy(layer(same))
    assert not np.allclose(y[:, :24], y[:, 24:])


def test_initial_scores_are_the_prior():
    layer = PredictionHead(
        90, filters=64, max_level=4, bias_initializer=prior_bias_initializer()
    )
    shapes = {level: (*shape[:3], 64) for level, shape in SHAPES.items()}
    logits = to_numpy(layer(features_of(shapes)))
    probabilities = 1 / (1 + np.exp(-logits))
    assert probabilities.mean() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, "units=0"),
        ({"units": 2.5}, "units=2.5"),
        ({"units": 2, "num_anchors": 0}, "num_anchors=0"),
        ({"units": 2, "repeats": -1}, "repeats=-1"),
        ({"units": 2, "padding": "reflect"}, "padding='reflect'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        PredictionHead(**arguments)


def test_wrong_features_are_an_error():
    layer = PredictionHead(2, max_level=4)
    with pytest.raises(ValueError, match=r"\['P3', 'P4'\]. Received: \['P3'\]"):
        layer.build({"P3": SHAPES["P3"]})
    with pytest.raises(ValueError, match="same number of channels"):
        layer.build({**SHAPES, "P4": (2, 3, 4, 5)})
