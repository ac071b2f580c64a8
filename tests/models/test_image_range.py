"""Models that normalize images warn about images in [0, 1]."""

import warnings

import keras
import numpy as np
import pytest

from tests.marks import on_one_backend
from tests.models import detectors
from tests.models.builders import tiny

WARNING = r"All pixels of an image are in \[0, 1\]"
PIXELS = np.random.default_rng(0).random((4, 40, 40, 3)).astype("float32")
LABELS = np.array([0, 1, 2, 0])


class _Batches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.images, LABELS


def _calls(model, images):
    return [
        lambda: model.fit(images, LABELS, verbose=0),
        lambda: model.fit(_Batches(images), verbose=0),
        lambda: model.evaluate(images, LABELS, verbose=0),
        lambda: model.predict(images, verbose=0),
        lambda: model.predict(keras.ops.convert_to_tensor(images), verbose=0),
    ]


def _classifier(**arguments):
    model = tiny(**arguments)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    "place", [0, *(pytest.param(i, marks=on_one_backend) for i in range(1, 5))]
)
def test_warning(place):
    with pytest.warns(UserWarning, match=WARNING):
        _calls(_classifier(), PIXELS)[place]()


@on_one_backend
def test_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for call in _calls(_classifier(), 255 * PIXELS):
            call()
        # Without preprocessing, any range may be right.
        _classifier(include_preprocessing=False).fit(PIXELS, LABELS, verbose=0)


@on_one_backend
def test_batches_are_not_consumed():
    batches = (batch for batch in [(255 * PIXELS, LABELS)])
    history = _classifier().fit(
        batches, steps_per_epoch=1, shuffle=False, verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()


@on_one_backend
def test_training_of_a_detector():
    model = detectors.tiny()
    model.compile("sgd")
    truth = {
        "boxes": np.array([[[8, 8, 40, 40]]] * 2, "float32"),
        "labels": np.zeros((2, 1), "int32"),
    }
    images = np.resize(PIXELS, (2, 64, 96, 3))
    with pytest.warns(UserWarning, match=WARNING):
        model.fit(images, truth, verbose=0)
