"""Tests for the focal loss and the Huber loss."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from tests.harness import to_numpy
from tests.losses.gradients import differences
from tests.losses.gradients import gradient


@pytest.mark.parametrize(
    "logit, is_class, expected",
    [
        (-4.59512, False, 7.53774e-06),
        (-4.59512, True, 1.1340665),
        (0.0, False, 0.18379839),
        (0.0, True, 0.06126613),
        (2.0, False, 1.3186450),
        (2.0, True, 0.00130595),
    ],
)
def test_focal_loss(logit, is_class, expected):
    labels = np.array([[0 if is_class else -1]])
    found = losses.sigmoid_focal_loss(labels, np.array([[[logit]]]))
    assert float(found[0, 0, 0]) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_anchors_that_do_not_count():
    found = losses.sigmoid_focal_loss(np.array([[-2]]), np.ones((1, 1, 3)))
    assert (to_numpy(found) == 0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("label", [0, -1])
def test_focal_loss_has_a_slope_everywhere(label, smoothing):
    logits = np.array([-60.0, -20.0, -3.0, 0.5, 4.0, 25.0, 60.0])

    def loss(x):
        labels = np.full((1, len(logits)), label)
        return keras.ops.sum(
            losses.sigmoid_focal_loss(
                labels, x[None, :, None], label_smoothing=smoothing
            )
        )

    def exact(x):
        sign = -1 if label == 0 else 1
        p_wrong = 1 / (1 + np.exp(-sign * x))
        entropy = np.logaddexp(0, sign * x) - smoothing / 2 * sign * x
        return (0.25 if label == 0 else 0.75) * p_wrong**1.5 * entropy

    slopes = gradient(loss, logits)
    step = 1e-4
    expected = (exact(logits + step) - exact(logits - step)) / (2 * step)
    np.testing.assert_allclose(slopes, expected, rtol=2e-3, atol=1e-6)
    far = -60.0 if label == 0 else 60.0
    assert abs(slopes[logits == far][0]) > 0.2


def test_huber_loss():
    errors = np.array([0.0, 0.05, -0.05, 0.1, 0.3, -2.0])
    found = losses.huber_loss(np.ones(6), 1 + errors, delta=0.1)
    np.testing.assert_allclose(
        to_numpy(found), [0, 0.00125, 0.00125, 0.005, 0.025, 0.195], atol=1e-6
    )


def test_slope_of_huber_loss():
    errors = np.array([-3.0, -0.09, 0.02, 0.11, 1.5])

    def exact(x):
        sizes = np.abs(x)
        return np.sum(np.where(sizes <= 0.1, sizes**2 / 2, 0.1 * sizes - 0.005))

    slopes = gradient(
        lambda x: keras.ops.sum(losses.huber_loss(np.zeros(5, "float32"), x)),
        errors,
    )
    np.testing.assert_allclose(slopes, differences(exact, errors), atol=1e-6)
