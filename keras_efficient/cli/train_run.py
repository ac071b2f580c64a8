"""One training: model, run folder, pictures, numbers."""

import contextlib
import importlib.util
import json
import pathlib
import platform
import time

import keras
import numpy as np
from PIL import Image

import keras_efficient
from keras_efficient import training
from keras_efficient import visualization
from keras_efficient import weights as published
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.downloads import announce
from keras_efficient.cli.loading import CLASS_NAMES_FILE
from keras_efficient.cli.loading import MODEL_FILE
from keras_efficient.cli.progress import track
from keras_efficient.cli.train_config import CONFIG_FILE
from keras_efficient.cli.train_progress import Curves
from keras_efficient.cli.train_progress import TrainingProgress
from keras_efficient.variants import EFFICIENTDET_VARIANTS

RESULTS_FILE = "results.json"
BEST, LAST = "best.weights.h5", "last.weights.h5"
# What decides which weights are the best.
MONITOR = {"classification": "val_accuracy", "detection": "val_mAP"}
SAMPLES = 9
# Longer side of a picture with a caption, in pixels.
SIDE = 288
NO_PLOTS = (
    "matplotlib is missing, so there will be no curves and no matrix. "
    'Install it by `pip install "keras-efficient[plot]"`.'
)
# All that a run writes.
RUN_FILES = (
    CONFIG_FILE,
    CLASS_NAMES_FILE,
    RESULTS_FILE,
    MODEL_FILE,
    "settings.json",
    "*_checkpoints",
    "log_*.csv",
    "best.*",
    LAST,
    "curves.png",
    "confusion_matrix.png",
    "precision_recall.png",
    "predictions.jpg",
    "train_batch.jpg",
)


def build_model(config, class_names):
    """The model of a configuration, and which layers have no weights yet."""
    builder = getattr(keras_efficient, config.model)
    arguments = {}
    if config.image_size is not None:
        arguments["input_shape"] = (*config.image_size, 3)
    is_detection = config.task == "detection"
    if is_detection:
        arguments["num_classes"] = len(class_names)
        arguments["anchor_scale"] = config.anchor_scale
    else:
        arguments["classes"] = len(class_names)
    backbone = config.backbone_weights
    weights = config.weights
    if is_detection and weights == "imagenet":
        weights, backbone = "none", "imagenet"
    is_file = _is_file(weights, config.model)
    has_backbone_file = False
    if is_detection:
        name = EFFICIENTDET_VARIANTS[config.model].backbone
        has_backbone_file = _is_file(backbone, name)
        is_set = backbone not in (None, "none") and not has_backbone_file
        arguments["backbone_weights"] = backbone if is_set else None
        if is_set:
            announce(name, backbone, include_top=False)
    if is_file or weights == "none":
        model = builder(weights=None, **arguments)
    else:
        announce(config.model, weights)
        model = builder(weights=weights, **arguments)
    load = keras_efficient.converters.load_checkpoint
    # Layers of a classifier that no file has filled.
    unfilled = {"predictions"}
    if is_file:
        report = load(model, weights, strict=not config.partial)
        print(report)
        for name in report.missing:
            unfilled |= _layers_of(model, name)
    if is_detection:
        if has_backbone_file:
            print(load(model.backbone, backbone, strict=not config.partial))
        model.class_names = tuple(class_names)
    return model, sorted(unfilled)


def _is_file(weights, name):
    """Whether weights are a checkpoint; a published set has precedence."""
    if weights in (None, "none", *published.tags(name)):
        return False
    # A folder of pictures may well be called as a set.
    return pathlib.Path(weights).exists()


def _layers_of(model, variable):
    """The model's layer that has a variable, and the norm of what it gives."""
    part = variable.split("/")[0]
    names = {layer.name for layer in model.layers}
    # Names of variables go on with the part of a block.
    known = [x for x in names if part == x or part.startswith(f"{x}_")]
    layer = max(known, key=len)
    return {layer, layer.replace("_conv", "_bn")} & names


class TrainRun:
    """What is done with a model and its data, and the folder it is kept in.

    Args:
        config: A complete `TrainConfig`.
        model: The model.
        unfilled: Names of a classifier's layers that learn first.
        train: Data set to train on.
        validation: Held-out data set.
    """

    def __init__(self, config, model, unfilled, train, validation):
        self.config = config
        self.model = model
        self.unfilled = unfilled
        self.train = train
        self.validation = validation
        self.folder = pathlib.Path(config.directory)
        self.is_detection = config.task == "detection"
        self.best = training.BestWeights(
            self.folder / BEST, MONITOR[config.task]
        )
        self.interrupt = training.StopOnInterrupt(self.folder / LAST)

    def fit(self):
        """Trains, from where it broke off."""
        batches = self._batches()
        self._show_inputs(batches)
        progress = TrainingProgress(len(batches))
        callbacks = [self.interrupt, self.best, progress]
        if _can_plot():
            callbacks.insert(2, Curves(self.folder))
        else:
            print(NO_PLOTS, flush=True)
        try:
            with self.interrupt:
                if self.is_detection:
                    self._fit_detector(batches, callbacks)
                else:
                    self._fit_classifier(batches, callbacks)
        finally:
            progress.stop()
        self.model.save_weights(self.folder / LAST)

    def _batches(self):
        config = self.config
        options = {"training": True, "seed": config.seed}
        if not self.is_detection:
            return self.train.batches(
                self.model.input_shape[1:3], config.batch_size, **options
            )
        augmentation = keras_efficient.data.DetectionAugmentation(
            self.model.image_size,
            scale=(config.min_scale, config.max_scale),
            vertical_flip_rate=0.5 if config.vertical_flip else 0.0,
        )
        return self.train.batches(
            self.model.image_size,
            config.batch_size,
            augmentation=augmentation,
            drop_remainder=len(self.train) >= config.batch_size,
            **options,
        )

    def _fit_detector(self, batches, callbacks):
        config = self.config
        norm = config.train_batch_norm
        if norm is None:
            is_pretrained = (
                config.weights != "none" or config.backbone_weights is not None
            )
            norm = "head" if is_pretrained else "all"
        advice = training.measure_anchor_fit(self.model, batches).advice
        if advice:
            print(advice, flush=True)
        training.finetune_detector(
            self.model,
            batches,
            self.validation,
            directory=self.folder,
            epochs=config.epochs,
            learning_rate=config.learning_rate,
            evaluate_every=config.evaluate_every,
            train_batch_norm=norm,
            callbacks=callbacks,
            verbose=0,
        )

    def _fit_classifier(self, batches, callbacks):
        config = self.config
        is_pretrained = config.weights != "none"
        is_whole = is_pretrained and self.unfilled == ["predictions"]
        # There is nothing that a head alone could learn upon.
        head_epochs = config.head_epochs if is_pretrained else 0
        if not is_whole:
            steps = (head_epochs + config.epochs) * len(batches)
            training.quicken_batch_norm(self.model, steps)
        training.finetune_classifier(
            self.model,
            batches,
            self.validation.batches(
                self.model.input_shape[1:3], config.batch_size
            ),
            directory=self.folder,
            head_epochs=head_epochs,
            epochs=config.epochs,
            learning_rate=config.learning_rate,
            head_layers=self.unfilled,
            # Statistics of what new layers give are still to be found.
            train_batch_norm=not is_whole,
            callbacks=callbacks,
            verbose=0,
        )

    def save_model(self):
        """Writes the whole model, with the best weights that there are."""
        weights = contextlib.nullcontext()
        if self.best.path.exists():
            self.best.load(self.model)
        else:
            weights = keras_efficient.evaluation.averaged_weights(self.model)
        new = self.folder / f"new.{MODEL_FILE}"
        with weights:
            self.model.save(new)
        new.replace(self.folder / MODEL_FILE)

    def measure(self):
        """Measures the best weights, and draws what they see."""
        evaluation = keras_efficient.evaluation
        evaluate = (
            evaluation.evaluate_detection
            if self.is_detection
            else evaluation.evaluate_classification
        )
        result = evaluate(
            self.model,
            self.validation,
            batch_size=self.config.batch_size,
            progress=lambda items, total: track(items, total, "Measuring"),
        )
        if _can_plot():
            if self.is_detection:
                result.plot_precision_recall(
                    self.folder / "precision_recall.png"
                )
            result.plot_confusion_matrix(self.folder / "confusion_matrix.png")
        self._show_predictions()
        return result

    def write_results(self, result, start, command):
        """Writes the numbers, and where they come from."""
        note = None
        if self.best.note.exists():
            note = json.loads(self.best.note.read_text())
        content = {
            "best": note,
            "result": result.to_dict(),
            "seconds": round(time.perf_counter() - start, 1),
            "command": command,
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "keras_efficient": keras_efficient.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        write_text(self.folder / RESULTS_FILE, json.dumps(content, indent=1))

    def write_class_names(self):
        """Writes the names, for the commands that use the model."""
        names = "\n".join(self.train.class_names)
        write_text(self.folder / CLASS_NAMES_FILE, f"{names}\n")

    def _show_inputs(self, batches):
        images, labels = batches[0]
        visualization.plot_batch(
            images,
            labels,
            self.train.class_names,
            self.folder / "train_batch.jpg",
        )

    def _show_predictions(self):
        """Pictures spread over the held-out set."""
        records = self.validation.records
        places = np.linspace(0, len(records) - 1, min(SAMPLES, len(records)))
        records = [records[int(place)] for place in places]
        images = [record.image for record in records]
        path = self.folder / "predictions.jpg"
        if self.is_detection:
            found = self.model.detect(images)
            captions = [
                f"{len(one)} found, {len(record.boxes)} there"
                for record, one in zip(records, found, strict=True)
            ]
            pictures = [one.plot() for one in found]
            visualization.plot_predictions(pictures, path, captions)
            return
        names = self.validation.class_names
        found = keras_efficient.inference.classify(
            self.model, images, top=1, class_names=names
        )
        captions = [
            f"{names[record.label]}: {one.names[0]} {one.probabilities[0]:.0%}"
            for record, one in zip(records, found, strict=True)
        ]
        pictures = [
            _legible(keras_efficient.data.load_image(x)) for x in images
        ]
        visualization.plot_predictions(pictures, path, captions)


def _legible(image):
    """A picture of the size that goes with a line below it."""
    picture = Image.fromarray(image)
    factor = SIDE / max(picture.size)
    size = [max(1, round(factor * length)) for length in picture.size]
    # Of a few pixels each is to be seen.
    resampling = Image.Resampling
    method = resampling.NEAREST if factor > 3 else resampling.LANCZOS
    return picture.resize(size, method)


def _can_plot():
    return importlib.util.find_spec("matplotlib") is not None
