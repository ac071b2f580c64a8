"""Tests for batches: order, randomness, labels, and `fit`."""

import keras
import numpy as np
import pytest

from keras_efficient import data
from keras_efficient.training import FollowEpochs


def numbered(count=10, classes=4):
    """Image i is all of the value 10 * i and has the label i % classes."""
    values = (np.arange(count) * 10).astype("uint8")
    images = np.broadcast_to(values[:, None, None, None], (count, 9, 13, 3))
    return data.from_arrays(np.array(images), np.arange(count) % classes)


def numbers_of(images):
    return (images[:, 0, 0, 0] / 10).round().astype(int)


def plain(image, rng):
    """No change but the one that shows the random numbers."""
    return (image // 10 * 10 + rng.integers(5)).astype("uint8")


def epoch_of(batches, epoch):
    batches.epoch = epoch
    return np.concatenate(
        [batches[i][0][:, 0, 0, 0] for i in range(len(batches))]
    )


def test_evaluation_keeps_order_labels_and_the_last_batch():
    batches = numbered().batches((9, 13), batch_size=4)
    assert len(batches) == 3
    seen = [batches[i] for i in range(3)]
    assert [len(images) for images, _ in seen] == [4, 4, 2]
    images = np.concatenate([images for images, _ in seen])
    labels = np.concatenate([labels for _, labels in seen])
    assert images.dtype == labels.dtype == np.float32
    np.testing.assert_array_equal(numbers_of(images), np.arange(10))
    np.testing.assert_array_equal(labels.argmax(1), np.arange(10) % 4)
    assert (labels.sum(1) == 1).all() and labels.shape == (10, 4)


def test_shuffled_labels_stay_with_their_images():
    batches = numbered().batches((9, 13), 4, training=True, augmentation=plain)
    for epoch in range(2):
        batches.epoch = epoch
        images, labels = (
            np.concatenate(x)
            for x in zip(*[batches[i] for i in range(3)], strict=True)
        )
        numbers = (images[:, 0, 0, 0] // 10).astype(int)
        assert sorted(numbers) == list(range(10))
        np.testing.assert_array_equal(labels.argmax(1), numbers % 4)


def test_epochs_differ_and_repeat():
    def make(**arguments):
        return numbered(30).batches(
            (9, 13), 4, training=True, augmentation=plain, **arguments
        )

    batches = make(seed=3)
    first, second = epoch_of(batches, 0), epoch_of(batches, 1)
    assert not np.array_equal(first // 10, second // 10), "order must differ"
    by_image = [np.sort(x)[:5] % 10 for x in (first, second)]
    assert not np.array_equal(*by_image), "random changes must differ"
    np.testing.assert_array_equal(epoch_of(make(seed=3), 1), second)
    assert not np.array_equal(epoch_of(make(seed=4), 1), second)


def test_shards_share_the_images():
    dataset = numbered(10)
    seen = []
    for index in range(3):
        batches = dataset.batches((9, 13), 4, shard=(index, 3))
        images = np.concatenate([batches[i][0] for i in range(len(batches))])
        seen += numbers_of(images).tolist()
    assert sorted(seen) == list(range(10))


class Record(keras.layers.Layer):
    """Passes images through; `fit` must see what the batches hold."""

    def call(self, inputs):
        return keras.ops.mean(inputs, axis=(1, 2))


def small_model(classes=4):
    images = keras.Input((9, 13, 3))
    x = Record()(images)
    return keras.Model(
        images, keras.layers.Dense(classes, activation="softmax")(x)
    )


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.steps, self.losses, self.total = [], [], None

    def on_train_begin(self, logs=None):
        self.total = self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch)
        self.losses.append(float(logs["loss"]))


@pytest.mark.parametrize("num_threads", [1, 3])
def test_fit_knows_the_length_and_sees_the_epochs_in_order(num_threads):
    batches = numbered(20).batches(
        (9, 13),
        4,
        training=True,
        augmentation=plain,
        num_threads=num_threads,
    )
    seen = Seen()
    model = small_model()
    model.compile(keras.optimizers.SGD(0.0), "categorical_crossentropy")
    callbacks = [FollowEpochs(batches), seen]
    model.fit(batches, epochs=2, verbose=0, callbacks=callbacks, shuffle=False)
    assert seen.total == 5 and len(seen.steps) == 10
    # With no learning the mean loss of each step tells which images it saw.
    expected = []
    for epoch in range(2):
        batches.epoch = epoch
        total = 0.0
        for i in range(5):
            total += float(model.test_on_batch(*batches[i]))
            expected.append(total / (i + 1))
    np.testing.assert_allclose(seen.losses, expected, rtol=1e-4)


def test_epochs_go_on_without_the_callback():
    batches = numbered(8).batches((9, 13), 4, training=True)
    model = small_model()
    model.compile("sgd", "categorical_crossentropy")
    before = batches.epoch
    model.fit(batches, epochs=3, verbose=0)
    assert batches.epoch >= before + 3


def test_evaluate_and_predict_take_batches():
    batches = numbered(10).batches((9, 13), 4)
    model = small_model()
    model.compile("sgd", "categorical_crossentropy")
    assert np.isfinite(model.evaluate(batches, verbose=0))
    assert model.predict(batches, verbose=0).shape == (10, 4)


def test_a_file_that_is_gone_is_named(tmp_path):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (20, 30)).save(tmp_path / name / "1.png")
    dataset = data.load_classification(tmp_path)
    (tmp_path / "a" / "1.png").unlink()
    with pytest.raises(FileNotFoundError, match="1.png"):
        dataset.batches(32)[0]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"image_size": (0, 5)}, r"size=\(0, 5\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        numbered().batches(**{"image_size": 32, **arguments})
