"""Tests for the focal loss and the Huber loss."""

import keras
import numpy as np
import pytest

from keras_efficient import losses
from tests.harness import to_numpy
from tests.support.gradients import differences
from tests.support.gradients import value_and_gradient


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


def test_focal_loss_of_ignored_anchors():
    labels = np.array([[-2, 0, -2]])
    found = losses.sigmoid_focal_loss(labels, np.ones((1, 3, 1)))
    assert (to_numpy(found)[0, :, 0] > 0).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "arguments", [(0.25, 1.5, 0.0), (0.25, 1.5, 0.1), (0.4, 2.0, 0.3)]
)
def test_focal_loss_has_finite_gradients(arguments):
    alpha, gamma, smoothing = arguments
    labels = np.array([[0], [-1]])
    logits = np.array([-60.0, -20.0, -3.0, 0.5, 4.0, 25.0, 60.0])
    logits = np.stack([logits, logits])

    def loss(x):
        return keras.ops.sum(
            losses.sigmoid_focal_loss(
                np.repeat(labels, 7, axis=1), x[..., None], *arguments
            )
        )

    def exact(x):
        p = 1 / (1 + np.exp(-x))
        there = labels == 0
        p_wrong = np.where(there, 1 - p, p)
        weight = np.where(there, alpha, 1 - alpha)
        target = there * (1 - smoothing) + smoothing / 2
        entropy = np.logaddexp(0, x) - target * x
        return np.sum(weight * p_wrong**gamma * entropy)

    value, slopes = value_and_gradient(loss, logits)
    assert value == pytest.approx(exact(logits), rel=1e-5)
    np.testing.assert_allclose(
        slopes, differences(exact, logits), rtol=1e-4, atol=1e-6
    )
    assert slopes[0, 0] < -0.2  # -60 for the true class
    assert slopes[1, -1] > 0.2


def test_huber_loss():
    errors = np.array([0.0, 0.05, -0.05, 0.1, 0.3, -2.0])
    found = losses.huber_loss(np.ones(6), 1 + errors, delta=0.1)
    np.testing.assert_allclose(
        to_numpy(found), [0, 0.00125, 0.00125, 0.005, 0.025, 0.195], atol=1e-6
    )


def test_gradient_of_huber_loss():
    errors = np.array([-3.0, -0.09, 0.02, 0.11, 1.5])

    def exact(x):
        sizes = np.abs(x)
        return np.sum(np.where(sizes <= 0.1, sizes**2 / 2, 0.1 * sizes - 0.005))

    _, slopes = value_and_gradient(
        lambda x: keras.ops.sum(losses.huber_loss(np.zeros(5, "float32"), x)),
        errors,
    )
    np.testing.assert_allclose(slopes, differences(exact, errors), atol=1e-6)
