"""A detector with one weight, which determines what it detects."""

import keras
import numpy as np

from tests.evaluation.made_up import dataset_of
from tests.evaluation.made_up import found
from tests.evaluation.made_up import record

SIDE = 100
NAMES = ("ant", "bee")


@keras.saving.register_keras_serializable(package="tests")
class FakeDetector(keras.Sequential):
    """Detects an ant whose width is the output for 1, that is the weight."""

    class_names = None
    num_classes = 2

    def detect(self, images, **options):
        self.asked = [*getattr(self, "asked", []), options]
        weight = float(self.predict_on_batch(np.ones((1, 1)))[0, 0])
        self.seen = [*getattr(self, "seen", []), weight]
        return [found([[0, 0, weight * SIDE, SIDE]], [0.5], [0])] * len(images)


def fake_detector(optimizer=None, weight=0.32):
    """Return a model; a step with the rate 0.25 adds 0.5 * (1 - weight)."""
    model = FakeDetector(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]
    )
    model.set_weights([np.array([[weight]], "float32")])
    optimizer = optimizer or keras.optimizers.SGD(0.25)
    # JAX donates memory only if compiled; TensorFlow is faster without.
    is_jax = keras.backend.backend() == "jax"
    model.compile(optimizer, "mse", jit_compile=is_jax)
    return model


def train(model, epochs, *callbacks, **arguments):
    """Train one step per epoch towards a weight of 1."""
    x = np.ones((4, 1), "float32")
    return model.fit(
        x,
        x,
        batch_size=4,
        epochs=epochs,
        callbacks=list(callbacks),
        verbose=0,
        **arguments,
    )


def weights_of_steps(steps, weight=0.32):
    """Return the weight after each step of `train`."""
    weights = []
    for _ in range(steps):
        weight += 0.5 * (1 - weight)
        weights.append(weight)
    return weights


def averages_of_steps(steps, momentum, weight=0.32):
    """Return Keras' average after each step; the first is the weight."""
    averages = weights_of_steps(1, weight)
    for value in weights_of_steps(steps, weight)[1:]:
        averages.append(momentum * averages[-1] + (1 - momentum) * value)
    return averages


def ants(class_names=NAMES):
    """Return a data set of two images with one large ant each."""
    box = [[0, 0, SIDE, SIDE]]
    label = [class_names.index("ant")]
    return dataset_of([record(box, label)] * 2, class_names)
