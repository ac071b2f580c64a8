"""What is interrupted: each writes files, and can be repeated.

A scenario has `prepare(folder)`, which writes what exists before;
`run(folder)`, which is interrupted and then repeated; `check(folder)`, which
raises an error for a state that no user may find; and `result(folder)`, which
must be the same as without an interruption.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib

import keras
import numpy as np

import keras_efficient
from keras_efficient import atomic_writes
from keras_efficient.converters import load_checkpoint
from keras_efficient.training.run_directory import RunDirectory
from keras_efficient.training.training_run import TrainingRun
from keras_efficient.training.weights_files import save_weights
from tests.converters import tiny
from tests.weights.file_server import serving


class Batches(keras.utils.PyDataset):
    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images) // 4

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return self.images[part], self.labels[part]


class Interrupt(keras.callbacks.Callback):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.number:
            raise KeyboardInterrupt


class Training:
    """A run of four epochs, with dropout."""

    name = "training"
    epochs = 4
    stop_after = None  # epochs after which it is interrupted

    def prepare(self, folder):
        pass

    def run(self, folder):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(8, "relu")(inputs)
        hidden = keras.layers.Dropout(0.3)(hidden)
        model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))
        rate = keras.optimizers.schedules.CosineDecay(0.05, 4 * self.epochs)
        model.compile(
            keras.optimizers.AdamW(rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        rng = np.random.default_rng(3)
        images = rng.normal(size=(16, 6)).astype("float32")
        labels = images[:, :3].argmax(1)
        directory = RunDirectory(folder / "run", "classification")
        run = TrainingRun(
            directory, model, Batches(images, labels), (images, labels)
        )
        run.prepare(
            {"epochs": self.epochs}, report=False, save_on_interrupt=False
        )
        with contextlib.suppress(KeyboardInterrupt):
            run.fit("all", self.epochs, [Interrupt(self.stop_after)], 0)
            run.finish(0, None)
            save_weights(model, folder / "run" / "last.weights.h5")

    def check(self, folder):
        best = RunDirectory(folder / "run", "classification").best
        if best.note.exists():
            json.loads(best.note.read_text())
            assert best.is_saved

    def result(self, folder):
        run = folder / "run"
        log = keras_efficient.training.read_logs(run)["all"]
        return {
            # A power cut may restore checkpoints that were removed.
            "names": [x for x in _names(run) if "checkpoints/e" not in x],
            "best": np.array(list(json_of(run / "best.json").values())),
            "log": np.array([log[name] for name in sorted(log)]),
            **arrays_of(run / "last.weights.h5", "last"),
            **arrays_of(run / "best.weights.h5", "best"),
        }


class Export:
    """A folder of three files replaces an older one."""

    name = "export"

    def prepare(self, folder):
        self._write(folder / "model" / "1", "old")

    def run(self, folder):
        self._write(folder / "model" / "1", "new")

    def _write(self, path, version):
        with atomic_writes.atomic_folder(path, overwrite=True) as new:
            (new / "variables").mkdir()
            for name in ("saved_model.pb", "variables/a", "variables/b"):
                (new / name).write_text(version * 1000)

    def check(self, folder):
        path = folder / "model" / "1"
        atomic_writes.restore_folder(path)
        contents = {x.read_text() for x in path.rglob("*") if x.is_file()}
        assert len([x for x in path.rglob("*") if x.is_file()]) == 3
        assert contents in ({"old" * 1000}, {"new" * 1000})

    def result(self, folder):
        path = folder / "model"
        texts = [x.read_text() for x in path.rglob("*") if x.is_file()]
        return {"names": _names(path), "texts": "".join(texts)}


class ExportWithoutExchange(Export):
    """As on systems that cannot exchange two folders in one step."""

    name = "export by two renames"

    def _write(self, path, version):
        exchange = atomic_writes._exchange
        atomic_writes._exchange = lambda first, second: False
        try:
            super()._write(path, version)
        finally:
            atomic_writes._exchange = exchange


class Conversion:
    """Converted weights replace an older file."""

    name = "conversion"

    def prepare(self, folder):
        keras.utils.set_random_seed(2)
        np.savez(folder / "in.npz", **tiny.random_weights(tiny.build()))
        save_weights(tiny.build(), folder / "out.weights.h5")

    def run(self, folder):
        keras.utils.set_random_seed(2)
        model = tiny.build()
        load_checkpoint(model, folder / "in.npz")
        save_weights(model, folder / "out.weights.h5")

    def check(self, folder):
        tiny.build().load_weights(folder / "out.weights.h5")

    def result(self, folder):
        return {
            "names": _names(folder),
            **arrays_of(folder / "out.weights.h5", "out"),
        }


class Download:
    """A file from a server that interrupts each response."""

    name = "download"
    content = b"PK\x03\x04" + bytes(range(256)) * 3000

    def prepare(self, folder):
        pass

    def run(self, folder):
        with serving() as server:
            server.files["/a.pth"] = self.content
            server.breaks_after = 300_000
            entry = dataclasses.replace(
                keras_efficient.weights.entries()[0],
                file_name="a.pth",
                urls=(f"{server.url}/a.pth",),
                hash={"sha256": hashlib.sha256(self.content).hexdigest()},
            )
            keras_efficient.weights.fetch(
                entry, folder=folder / "cache", verbose=False
            )

    def check(self, folder):
        path = folder / "cache" / "a.pth"
        assert not path.exists() or path.read_bytes() == self.content

    def result(self, folder):
        # The lock stays, so that no two processes lock different files.
        names = [x for x in _names(folder) if not x.endswith(".lock")]
        return {"names": names}


SCENARIOS = (
    Training,
    Export,
    ExportWithoutExchange,
    Conversion,
    Download,
)


def json_of(path):
    return json.loads(pathlib.Path(path).read_text())


def arrays_of(path, prefix):
    arrays = keras_efficient.converters.read_checkpoint(path)
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _names(folder):
    """All files and folders, hidden ones as well."""
    return sorted(str(x.relative_to(folder)) for x in folder.rglob("*"))
