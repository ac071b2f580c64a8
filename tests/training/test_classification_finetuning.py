"""Tests for the phases of fine-tuning, checkpoints and resuming."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keras_efficient
from keras_efficient.layers import BatchNormalization
from keras_efficient.training import finetune_classification
from keras_efficient.variants import EFFICIENTNET_STAGES
from tests.marks import on_one_backend
from tests.marks import slow_to_compile


def coloured_images(count=24, seed=0):
    """Return three classes of images, noise on red, green or blue."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 90, (count, 36, 44, 3))
    images[np.arange(count), ..., labels] += 150
    return images.astype("uint8"), labels


def coloured_batches(count=24, seed=0):
    images, labels = coloured_images(count, seed)
    dataset = keras_efficient.data.classification_from_arrays(images, labels)
    return dataset.batches(32, 6, training=True, seed=1)


def build_model():
    keras.utils.set_random_seed(3)
    return keras_efficient.EfficientNet(
        width_coefficient=0.25,
        resolution=32,
        classes=3,
        stages=EFFICIENTNET_STAGES[:2],
        top_filters=64,
    )


def weights_of(model):
    return [keras.ops.convert_to_numpy(w).copy() for w in model.weights]


def finetune(directory, model=None, **arguments):
    model = model or build_model()
    settings = {"head_epochs": 2, "epochs": 3, "verbose": 0, **arguments}
    batches = coloured_batches()
    result = finetune_classification(
        model, batches, batches_of_validation(), directory=directory, **settings
    )
    return model, result


def batches_of_validation():
    return coloured_batches(count=9, seed=5)


@slow_to_compile
def test_head_is_trained_first(tmp_path):
    model = build_model()
    seen = {}

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            learning = {
                w.path.split("/")[0] for w in self.model.trainable_weights
            }
            norms = [
                layer.trainable
                for layer in self.model._flatten_layers()
                if isinstance(layer, BatchNormalization)
            ]
            rate = self.model.optimizer.learning_rate
            seen[len(seen)] = (learning, any(norms), float(rate))

    _, result = finetune(tmp_path, model, callbacks=[Watch()])
    assert seen[0][0] == {"predictions"}
    assert {"stem_conv", "block1a", "predictions"} <= seen[1][0]
    assert not seen[1][1], "batch norm must be frozen in the second step"
    assert len(result.head_logs["loss"]) == 2 and len(result.logs["loss"]) == 3
    assert result.logs["loss"][-1] < result.head_logs["loss"][0]
    assert result.logs["images_per_second"][0] > 0


@slow_to_compile
def test_batch_norm_is_trained_on_request(tmp_path):
    model = build_model()
    before = keras.ops.convert_to_numpy(model.get_layer("stem_bn").moving_mean)
    before = before.copy()
    finetune(tmp_path / "frozen", model)
    after = keras.ops.convert_to_numpy(model.get_layer("stem_bn").moving_mean)
    np.testing.assert_array_equal(before, after)
    finetune(tmp_path / "free", model, train_batch_norm="all")
    after = keras.ops.convert_to_numpy(model.get_layer("stem_bn").moving_mean)
    assert not np.array_equal(before, after)


class Interrupt(keras.callbacks.Callback):
    """Interrupt training after the first epoch of the second phase."""

    def on_epoch_end(self, epoch, logs=None):
        if self.params["epochs"] == 3 and epoch == 0:
            raise KeyboardInterrupt


@slow_to_compile
def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole, whole_result = finetune(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        finetune(tmp_path / "broken", callbacks=[Interrupt()])
    # A new model with other weights: the state must come from the directory.
    keras.utils.set_random_seed(99)
    resumed, result = finetune(tmp_path / "broken")
    assert len(result.logs["loss"]) == 3
    np.testing.assert_allclose(
        result.logs["loss"], whole_result.logs["loss"], rtol=2e-3
    )
    for expected, weight in zip(
        weights_of(whole), weights_of(resumed), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=2e-2, atol=2e-3)


def images_in_files(folder):
    """The same images as files in one folder for each class."""
    for i, (image, label) in enumerate(zip(*coloured_images(), strict=True)):
        path = folder / f"class{label}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    dataset = keras_efficient.data.load_classification(folder)
    return dataset.batches(32, 6, training=True, seed=1)


class Remove(keras.callbacks.Callback):
    """Moves a file away after the first epoch of the second phase."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if self.params["epochs"] == 3 and epoch == 0:
            self.path.rename(self.path.with_suffix(".moved"))


@slow_to_compile
def test_missing_image_ends_a_run_that_can_be_resumed(tmp_path):
    batches = images_in_files(tmp_path / "images")
    path = tmp_path / "images" / "class1" / "4.png"

    def run(name, callbacks=()):
        return finetune_classification(
            build_model(), batches, batches_of_validation(), head_epochs=1,
            epochs=3, directory=tmp_path / name, callbacks=callbacks, verbose=0,
        )  # fmt: skip

    expected = run("whole").logs
    with pytest.raises(Exception, match="No such image: .*4.png"):
        run("broken", [Remove(path)])
    path.with_suffix(".moved").rename(path)
    logs = run("broken").logs
    np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=2e-3)


@on_one_backend
def test_finished_run_is_only_loaded(tmp_path):
    model, result = finetune(tmp_path)

    class Fail(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise AssertionError("trains again")

    other, again = finetune(tmp_path, callbacks=[Fail()])
    assert again.logs == result.logs
    for one, two in zip(weights_of(model), weights_of(other), strict=True):
        np.testing.assert_array_equal(one, two)


@on_one_backend
def test_other_settings_are_an_error(tmp_path):
    finetune(tmp_path, head_epochs=1, epochs=0)
    with pytest.raises(ValueError, match=r"epochs was \[1, 0\], is \[1, 2\]"):
        finetune(tmp_path, head_epochs=1, epochs=2)
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["epochs"] == [1, 0]


@on_one_backend
def test_checkpoint_without_state_is_ignored(tmp_path):
    model, _ = finetune(tmp_path, head_epochs=2, epochs=0)
    folder = tmp_path / "head_checkpoints"
    # As if killed after writing the weights of a third epoch, before its state.
    (folder / "epoch_00003.weights.h5").write_bytes(b"half")
    checkpoints = keras_efficient.training.EpochCheckpoints(folder)
    assert checkpoints.restore(model) == 2
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "epoch_00001.json",
        "epoch_00001.weights.h5",
        "epoch_00002.json",
        "epoch_00002.weights.h5",
        "epoch_00003.weights.h5",
    ]


def test_data_without_length_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="must have a length.*generator"):
        finetune_classification(
            build_model(), (x for x in ()), directory=tmp_path
        )
