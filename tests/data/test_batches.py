"""Tests for batches: order, randomness, labels, and `fit`."""

import keras
import numpy as np
import pytest

from keras_efficient import data
from keras_efficient.training import FollowEpochs
from tests.data.pictures import SIZE
from tests.data.pictures import epoch_of
from tests.data.pictures import numbered
from tests.data.pictures import numbers_of
from tests.data.pictures import pass_over
from tests.data.pictures import plain
from tests.data.pictures import write
from tests.data.pictures import write_photo


def training_batches(count=20, batch_size=4, **arguments):
    arguments = {"training": True, "augmentation": plain, **arguments}
    return numbered(count).batches(SIZE, batch_size, **arguments)


def small_model(classes=4, learning_rate=0.0, **arguments):
    images = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Dense(classes, activation="softmax")(x)
    model = keras.Model(images, x)
    loss = arguments.pop("loss", "categorical_crossentropy")
    model.compile(keras.optimizers.SGD(learning_rate), loss, **arguments)
    return model


class Seen(keras.callbacks.Callback):
    """Records the number of steps of `fit` and the loss after each."""

    def __init__(self):
        super().__init__()
        self.losses, self.total = [], None

    def on_train_begin(self, logs=None):
        self.total = self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def expected_losses(model, batches, epochs):
    """Running means of the losses of all batches, in order."""
    expected = []
    for epoch in epochs:
        batches.epoch = epoch
        losses = [
            float(model.test_on_batch(*batches[i])) for i in range(len(batches))
        ]
        expected += list(np.cumsum(losses) / np.arange(1, len(losses) + 1))
    return expected


def test_evaluation_keeps_order_labels_and_the_last_batch():
    batches = numbered().batches(SIZE, batch_size=4)
    assert len(batches) == 3 and batches.num_images == 10
    seen = [batches[i] for i in range(3)]
    assert [len(images) for images, _ in seen] == [4, 4, 2]
    images = np.concatenate([images for images, _ in seen])
    labels = np.concatenate([labels for _, labels in seen])
    assert images.dtype == labels.dtype == np.float32
    np.testing.assert_array_equal(numbers_of(images), np.arange(10))
    np.testing.assert_array_equal(labels.argmax(1), np.arange(10) % 4)
    assert (labels.sum(1) == 1).all() and labels.shape == (10, 4)


def test_shuffled_labels_stay_with_their_images():
    batches = training_batches(10)
    for epoch in range(2):
        batches.epoch = epoch
        values, labels = pass_over(batches)
        numbers = (values // 10).astype(int)
        assert sorted(numbers) == list(range(10))
        np.testing.assert_array_equal(labels.argmax(1), numbers % 4)


def test_epochs_differ_and_repeat():
    batches = training_batches(24, seed=3)
    first, second = epoch_of(batches, 0), epoch_of(batches, 1)
    assert not np.array_equal(first // 10, second // 10), "order must differ"
    by_image = [x[np.argsort(x // 10)] % 10 for x in (first, second)]
    assert not np.array_equal(*by_image), "random changes must differ"
    np.testing.assert_array_equal(
        epoch_of(training_batches(24, seed=3), 1), second
    )
    assert not np.array_equal(epoch_of(training_batches(24, seed=4), 1), second)


def test_threads_change_nothing():
    augmentation = data.ClassificationAugmentation(SIZE)
    passes = [
        np.concatenate(
            [
                images
                for images, _ in training_batches(
                    24, augmentation=augmentation, num_threads=num_threads
                )
            ]
        )
        for num_threads in (1, 2, 5)
    ]
    np.testing.assert_array_equal(passes[0], passes[1])
    np.testing.assert_array_equal(passes[0], passes[2])


def test_batches_do_not_depend_on_the_order_of_requests():
    batches = training_batches(20, num_threads=2)
    forwards = [batches[i][0] for i in range(5)]
    for i in (3, 0, 4, 4, 1):
        np.testing.assert_array_equal(batches[i][0], forwards[i])


def test_shuffle_is_independent_of_training():
    shuffled = numbered(24).batches(SIZE, 4, shuffle=True)
    values = epoch_of(shuffled, 0)
    assert not np.array_equal(np.sort(values), values)
    np.testing.assert_array_equal(np.sort(values) // 10, np.arange(24))
    in_order = training_batches(24, shuffle=False)
    np.testing.assert_array_equal(epoch_of(in_order, 0) // 10, np.arange(24))


def test_drop_remainder_drops_different_images_in_each_epoch():
    batches = training_batches(11, drop_remainder=True)
    assert len(batches) == 2 and batches.num_images == 8
    left_out = set()
    for epoch in range(4):
        values = epoch_of(batches, epoch) // 10
        assert len(set(values)) == 8
        left_out |= set(range(11)) - set(values)
    assert len(left_out) > 3
    with pytest.raises(ValueError, match="Too few.*3 images, batch_size=4"):
        training_batches(3, drop_remainder=True)


def test_shards_share_the_images():
    seen = []
    for index in range(3):
        values, _ = pass_over(numbered(10).batches(SIZE, 4, shard=(index, 3)))
        seen += (values // 10).tolist()
    assert sorted(seen) == list(range(10))


def test_training_shards_have_equal_lengths_and_are_disjoint():
    shards = [training_batches(11, shard=(index, 3)) for index in range(3)]
    assert [shard.num_images for shard in shards] == [3, 3, 3]
    together = [
        np.concatenate([epoch_of(shard, epoch) // 10 for shard in shards])
        for epoch in range(3)
    ]
    assert all(len(set(numbers)) == 9 for numbers in together)
    # No image belongs to one process for ever.
    assert len({tuple(sorted(numbers[:3])) for numbers in together}) == 3


@pytest.mark.parametrize("num_threads", [1, 3])
def test_fit_sees_the_epochs_in_order(num_threads):
    batches = training_batches(20, num_threads=num_threads)
    seen, model = Seen(), small_model()
    model.fit(
        batches, epochs=2, verbose=0, callbacks=[FollowEpochs(batches), seen]
    )
    assert seen.total == 5
    # With no learning the mean loss of each step tells which images it saw.
    expected = expected_losses(model, batches, range(2))
    np.testing.assert_allclose(seen.losses, expected, rtol=1e-4)


def test_resumed_fit_equals_uninterrupted_fit():
    def fit(epochs, initial_epoch):
        batches, seen = training_batches(20), Seen()
        model = small_model()
        model.set_weights([np.linspace(-1, 1, 12).reshape(3, 4), np.zeros(4)])
        model.fit(
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=0,
            callbacks=[FollowEpochs(batches), seen],
        )
        return seen.losses

    np.testing.assert_allclose(fit(3, 0)[10:], fit(3, 2), rtol=1e-5)


def test_fit_prepares_few_unused_images():
    made = []

    def counted(image, rng):
        made.append(int(image[0, 0, 0]))
        return image

    batches = training_batches(24, 4, augmentation=counted, num_threads=2)
    model = small_model()
    model.fit(batches, epochs=2, verbose=0)
    # Keras looks at up to two batches ahead of the first epoch, and two more
    # are made ahead then; all others are used.
    assert len(made) <= 2 * 24 + 4 * 4


def test_fit_learns_with_validation():
    labels = np.arange(24) % 2  # dark or bright
    images = np.repeat(20 + 200 * labels, 3 * SIZE[0] * SIZE[1])
    images = images.reshape(24, *SIZE, 3).astype("uint8")
    train = data.classification_from_arrays(images, labels).batches(
        SIZE, 4, training=True
    )
    validation = data.classification_from_arrays(images[:6], labels[:6])
    model = small_model(2, learning_rate=1.0, metrics=["accuracy"])
    history = model.fit(
        train, epochs=6, validation_data=validation.batches(SIZE), verbose=0
    ).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert len(history["val_accuracy"]) == 6
    assert history["val_accuracy"][-1] == 1.0


def test_integer_labels():
    batches = numbered(10).batches(SIZE, 4, one_hot=False)
    _, labels = batches[1]
    assert labels.dtype == np.int32 and labels.tolist() == [0, 1, 2, 3]
    model = small_model(loss="sparse_categorical_crossentropy")
    loss = model.evaluate(batches, verbose=0)
    model.compile(loss="categorical_crossentropy")
    one_hot = numbered(10).batches(SIZE, 4)
    assert loss == pytest.approx(model.evaluate(one_hot, verbose=0))


def test_epochs_advance_without_the_callback():
    batches = training_batches(8)
    before = batches.epoch
    small_model().fit(batches, epochs=3, verbose=0)
    assert batches.epoch >= before + 3


def test_after_an_interruption_indices_are_numbers_of_batches():
    batches = training_batches(20)
    expected = batches[0][0]
    batches.on_epoch_begin()
    batches[3]
    batches.epoch = 0
    np.testing.assert_array_equal(batches[0][0], expected)


def test_evaluate_and_predict_take_batches():
    batches = numbered(10).batches(SIZE, 4)
    model = small_model()
    predicted = model.predict(batches, verbose=0)
    images, labels = (
        np.concatenate(parts) for parts in zip(*batches, strict=True)
    )
    expected = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(predicted, expected, rtol=1e-4)
    loss = -np.log(expected[labels == 1]).mean()
    assert model.evaluate(batches, verbose=0) == pytest.approx(loss, rel=1e-4)


def test_class_weights_scale_the_loss():
    batches, model = numbered(10).batches(SIZE, 4), small_model()
    logs = [
        model.fit(batches, class_weight=weights, verbose=0).history["loss"][0]
        for weights in (None, dict.fromkeys(range(4), 2.0))
    ]
    assert logs[1] == pytest.approx(2 * logs[0], rel=1e-4)


def test_missing_file_is_named(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / "1.png")
    dataset = data.load_classification(tmp_path)
    (tmp_path / "a" / "1.png").unlink()
    with pytest.raises(FileNotFoundError, match="1.png"):
        dataset.batches(32)[0]
    (tmp_path / "a" / "1.png").write_bytes(b"")
    # TensorFlow turns it into an error of its own.
    with pytest.raises(Exception, match="a/1.png is empty"):
        small_model(2).fit(dataset.batches(SIZE), verbose=0)


@pytest.mark.parametrize(
    "augmentation, message",
    [
        (lambda image, rng: image[1:], r"\(9, 13, 3\).*shape=\(8, 13, 3\)"),
        (lambda image, rng: image / 255, "uint8.*dtype=float64"),
    ],
)
def test_wrong_output_of_an_augmentation_is_named(
    tmp_path, augmentation, message
):
    write(tmp_path / "a" / "1.png", size=SIZE[::-1])
    dataset = data.load_classification(tmp_path)
    batches = dataset.batches(SIZE, training=True, augmentation=augmentation)
    with pytest.raises(ValueError, match=f"{message}.*1.png"):
        batches[0]


def test_large_photos_are_decoded_smaller_for_training_only(tmp_path):
    photo = write_photo(tmp_path / "a" / "1.jpg", 400, 600, quality=95)
    dataset = data.load_classification(tmp_path)
    sizes = []

    class Spy(data.ClassificationAugmentation):
        def __call__(self, image, rng):
            sizes.append(image.shape)
            return super().__call__(image, rng)

    # A quarter of the area, 4 / 3 as high as wide: 212 wide. 212 / 48 > 4.
    spy = Spy((40, 48), brightness=0, contrast=0, saturation=0)
    images, _ = dataset.batches((40, 48), training=True, augmentation=spy)[0]
    assert sizes == [(100, 150, 3)]
    assert images[0, -1, 0, 0] - images[0, 0, 0, 0] > 80
    whole, _ = dataset.batches((40, 48))[0]
    expected = data.ClassificationPreprocessing((40, 48))(
        data.load_image(photo)
    )
    assert np.abs(whole[0] - expected).max() < 6


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"shard": (2, 2)}, r"shard=\(2, 2\)"),
        ({"shard": (0, 30), "shuffle": True}, r"Too few.*10 images.*\(0, 30\)"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "seed=4294967296"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        numbered(10).batches(**{"image_size": 32, **arguments})


def test_batches_out_of_range():
    with pytest.raises(IndexError, match="must be in .0, 2.*index=3"):
        numbered(10).batches(SIZE, 4)[3]
    with pytest.raises(ValueError, match="Too few images.*0 images"):
        data.ClassificationBatches([], 2, plain, SIZE)
