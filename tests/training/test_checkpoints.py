"""Checkpoints that are damaged or incomplete."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_efficient.training import BestWeights
from keras_efficient.training import EpochCheckpoints
from keras_efficient.training.weights_files import save_weights
from tests.marks import on_one_backend


def build(seed=1):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((2,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    return model


def fit(model, folder, epochs, callbacks=()):
    checkpoints = EpochCheckpoints(folder)
    start = checkpoints.restore(model)
    x = np.arange(16, dtype="float32").reshape(8, 2) / 16
    model.fit(
        x, x.sum(-1), batch_size=4, shuffle=False, verbose=0, epochs=epochs,
        initial_epoch=start, callbacks=[*callbacks, checkpoints],
    )  # fmt: skip
    return start


def values_of(model):
    return [keras.ops.convert_to_numpy(x) for x in model.variables]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_two_are_kept(tmp_path):
    fit(build(), tmp_path, 4)
    assert names_in(tmp_path) == [
        "epoch_00003.json", "epoch_00003.weights.h5",
        "epoch_00004.json", "epoch_00004.weights.h5",
    ]  # fmt: skip


def cut(share):
    def damage(path):
        contents = path.read_bytes()
        path.write_bytes(contents[: int(share * len(contents))])

    return damage


@on_one_backend
@pytest.mark.parametrize(
    "name, damage",
    [
        *(("epoch_00003.weights.h5", cut(x)) for x in (0, 0.01, 0.5, 0.99)),
        *(("epoch_00003.json", cut(x)) for x in (0, 0.5, 0.99)),
        ("epoch_00003.json", lambda path: path.write_text("{}")),
        ("epoch_00003.weights.h5", lambda path: path.unlink()),
    ],
)
def test_falls_back_by_one_epoch(tmp_path, name, damage, caplog):
    whole = build()
    fit(whole, tmp_path / "whole", 5)
    model = build()
    fit(model, tmp_path / "broken", 3)
    damage(tmp_path / "broken" / name)
    resumed = build(seed=2)
    assert fit(resumed, tmp_path / "broken", 5) == 2
    assert "Resuming after epoch 2" in caplog.text
    assert "epoch_00003.json" in caplog.text
    for one, other in zip(values_of(whole), values_of(resumed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    # The damaged files are replaced.
    assert names_in(tmp_path / "broken") == names_in(tmp_path / "whole")


def test_nothing_can_be_loaded(tmp_path):
    fit(build(), tmp_path, 2)
    for path in tmp_path.glob("*.json"):
        path.write_text("")
    with pytest.raises(
        ValueError, match=r"No checkpoint in .*epoch_00002.json.*delete them"
    ):
        EpochCheckpoints(tmp_path).restore(build())


def test_best_weights_precede_the_checkpoint(tmp_path):
    """A run that is killed in between repeats the epoch."""

    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise Killed

    class Better(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_accuracy"] = [0.1, 0.3, 0.9, 0.5][epoch]

    best = BestWeights(tmp_path / "best.weights.h5", "val_accuracy")
    first = build()
    with pytest.raises(Killed):
        fit(first, tmp_path / "run", 4, [Better(), best, Kill()])
    resumed = build()
    assert fit(resumed, tmp_path / "run", 4, [Better(), best]) == 2
    assert json.loads(best.note.read_text())["epoch"] == 3


def test_a_full_disk_is_an_error_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.weights.h5"
    model = build()
    save_weights(model, path)
    contents = path.read_bytes()
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(OSError, match="weights.h5 needs .* MB, and 0.0 MB are"):
        save_weights(model, path)
    assert path.read_bytes() == contents
    assert names_in(tmp_path) == ["a.weights.h5"]


def test_files_are_as_large_as_expected(tmp_path):
    inputs = keras.Input((100,))
    model = keras.Model(inputs, keras.layers.Dense(500)(inputs))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    checked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "keras_efficient.training.weights_files.check_free_space",
            lambda path, size: checked.append(size),
        )
        save_weights(model, tmp_path / "a.weights.h5")
    size = (tmp_path / "a.weights.h5").stat().st_size
    assert size <= checked[0] <= 1.2 * size
