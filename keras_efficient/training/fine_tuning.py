"""Fine-tuning of classification and detection models in a run directory."""

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import deprecation
from keras_efficient import evaluation
from keras_efficient.log import get_logger
from keras_efficient.training.anchor_fit import measure_anchor_fit
from keras_efficient.training.class_targets import ClassTargets
from keras_efficient.training.detection_recipes import detection_recipe
from keras_efficient.training.freezing import adapt_batch_norm_momentum
from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import freeze_except
from keras_efficient.training.freezing import is_pretrained
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.recipes import classification_recipe
from keras_efficient.training.run_directory import RunDirectory
from keras_efficient.training.training_run import FinetuneResult
from keras_efficient.training.training_run import TrainingRun
from keras_efficient.training.training_run import check_length
from keras_efficient.types import PathLike

_LOGGER = get_logger(__name__)
# Layers of a classifier that no pretrained weights fill for other classes.
CLASSIFIER_LAYERS = ("predictions",)


def finetune_classification(
    model: keras.Model,
    train: Any,
    validation: Any = None,
    *,
    directory: PathLike,
    head_epochs: int = 5,
    epochs: int = 10,
    head_learning_rate: float = 1e-2,
    learning_rate: float = 1e-3,
    head_layers: Sequence[str] = CLASSIFIER_LAYERS,
    train_batch_norm: str | bool = "none",
    report: bool = False,
    save_on_interrupt: bool = False,
    progress: Callable[[Iterable, int], Iterable] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = "auto",
    **recipe: Any,
) -> FinetuneResult:
    """Fine-tune a classification model in two phases.

    First the head is trained alone on frozen features. Then all layers are
    trained with a lower learning rate and with frozen batch normalization,
    because the statistics of small batches would degrade it. Both phases use
    `classification_recipe`.

    The directory keeps everything that is needed to resume: repeat the same
    call after an interruption, and it continues with the interrupted epoch and
    the same images in the same order. A finished run is loaded, not trained
    again. `log_head.csv` and `log_all.csv` hold the metrics of each epoch,
    `best.weights.h5` the weights with the highest validation accuracy.

    Args:
        model: A `keras.Model` for classification. The loss follows from the
            meaning of its outputs, `inference.outputs_of(model)`. It is
            changed in place and ends with the weights of the last epoch.
        train: `data.ClassificationBatches`, or any data that `fit` accepts and
            whose `len` is the number of batches. Batches of two classes become
            those of `label_mode="binary"` for a model with one output.
        validation: `data.ClassificationDataset` or data for `fit`, or `None`.
        directory: Path of the run directory.
        head_epochs: Integer, epochs that train only the head; 0 for none.
            Defaults to 5.
        epochs: Integer, epochs that train all layers; 0 for none. Defaults to
            10.
        head_learning_rate: Float, highest learning rate of the head. Defaults
            to 1e-2.
        learning_rate: Float, highest learning rate of all layers. Defaults to
            1e-3.
        head_layers: Names of the layers that are trained first: those without
            pretrained weights, see `unfilled_layers`. Defaults to
            `("predictions",)`.
        train_batch_norm: String, which batch normalization the second phase
            trains: `"all"`; `"none"`; or `"auto"`, which is `"none"` if only
            the classifier is new and the model is pretrained, and `"all"`
            otherwise, with a momentum that suits the number of steps. `"auto"`
            also skips the phase of the head if the model is not pretrained.
            Defaults to `"none"`.
        report: Boolean, whether to write a report for people and for the
            command line: pictures of a training batch and of predictions,
            curves, figures of the evaluation, `results.json`,
            `class_names.txt`, and `model.keras` with the best weights, which
            the model then also has. Requires `train` from
            `data.ClassificationDataset.batches` and a
            `data.ClassificationDataset` as `validation`. Defaults to `False`.
        save_on_interrupt: Boolean, whether Ctrl-C ends the run after the
            current step and saves `last.weights.h5`; see `StopOnInterrupt`.
            Defaults to `False`.
        progress: Function of an iterable and its length that returns the
            iterable, for a progress bar of the evaluation. Defaults to `None`.
        callbacks: Further Keras callbacks for both phases.
        verbose: As for `fit`.
        **recipe: Further arguments of `classification_recipe`.

    Returns:
        A `FinetuneResult`.

    Raises:
        FloatingPointError: If the loss becomes NaN.
        KeyboardInterrupt: After Ctrl-C with `save_on_interrupt=True`.
        ValueError: If the directory contains a run with other settings, the
            batches have no length, or an argument is invalid.

    Example:
    ```python
    model = keras_efficient.EfficientNetB0(classes=5)
    result = keras_efficient.training.finetune_classification(
        model, train.batches(224, training=True), val.batches(224),
        directory="flowers_run",
    )
    print(result.logs["val_accuracy"][-1])
    ```
    """
    start = time.perf_counter()
    train_batch_norm = _as_part(train_batch_norm)
    _check_part(train_batch_norm, ("auto", "all", "none"))
    check_length(train)
    targets = ClassTargets(model)
    train = targets.fitting(train)
    targets.check_names(model, validation)
    is_new = set(head_layers) != set(CLASSIFIER_LAYERS)
    adapts_momentum = False
    if train_batch_norm == "auto":
        if not is_pretrained(model):
            # There are no features that a head could be trained on.
            head_epochs, is_new = 0, True
        adapts_momentum = is_new
        train_batch_norm = "all" if is_new else "none"
    run = TrainingRun(
        RunDirectory(directory, "classification"), model, train, validation
    )
    run.prepare(
        {
            "epochs": [head_epochs, epochs],
            "learning_rates": [head_learning_rate, learning_rate],
            "head_layers": list(head_layers),
            "train_batch_norm": train_batch_norm,
            "num_batches": len(train),
            "recipe": recipe,
        },
        report=report,
        save_on_interrupt=save_on_interrupt,
    )
    if adapts_momentum:
        steps = (head_epochs + epochs) * len(train)
        adapt_batch_norm_momentum(model, steps)
    with run.interruptible():
        for phase, phase_epochs, rate in (
            ("head", head_epochs, head_learning_rate),
            ("all", epochs, learning_rate),
        ):
            if phase == "head":
                freeze_except(model, head_layers)
            else:
                unfreeze(model)
                if train_batch_norm == "none":
                    freeze_batch_norm(model)
            if phase_epochs:
                steps = phase_epochs * len(train)
                arguments = {**targets.recipe(train), **recipe}
                model.compile(
                    **classification_recipe(
                        steps, learning_rate=rate, **arguments
                    )
                )
                run.fit(phase, phase_epochs, callbacks, verbose)
    return run.finish(start, progress)


def finetune_detection(
    model: keras.Model,
    train: Any,
    validation: Any = None,
    *,
    directory: PathLike,
    epochs: int = 50,
    learning_rate: float = 1e-3,
    train_batch_norm: str = "head",
    evaluate_every: int = 5,
    report: bool = False,
    save_on_interrupt: bool = False,
    progress: Callable[[Iterable, int], Iterable] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = "auto",
    **recipe: Any,
) -> FinetuneResult:
    """Fine-tune a detection model on a small data set.

    All layers are trained from the first step with `detection_recipe`. Batch
    normalization of the backbone keeps the statistics of its pretraining,
    because batches that fit into memory are small; that of the feature network
    and the heads is trained with a momentum that suits the number of steps
    (`adapt_batch_norm_momentum`). If the anchors do not match the sizes of the
    objects (`measure_anchor_fit`), a warning recommends a better setting.

    The directory keeps everything that is needed to resume: repeat the same
    call after an interruption, including `kill -9`, and it continues with the
    interrupted epoch and the same images in the same order. `log_all.csv`
    holds the metrics of each epoch, `best.weights.h5` the weights with the
    highest mean average precision. The model ends with the average of its
    weights.

    Args:
        model: An `EfficientDet`. It is changed in place.
        train: `data.DetectionBatches`, or any data that `fit` accepts and
            whose `len` is the number of batches.
        validation: `data.DetectionDataset` for the COCO metrics, or `None`.
        directory: Path of the run directory.
        epochs: Integer. Defaults to 50.
        learning_rate: Float, highest value for a batch of 8. Defaults to
            1e-3.
        train_batch_norm: String, which batch normalization is trained:
            `"all"`; `"head"`, that of feature network and heads; `"none"`, for
            a detector whose weights were all pretrained; or `"auto"`, which is
            `"head"` if the backbone is pretrained and `"all"` otherwise.
            Defaults to `"head"`.
        evaluate_every: Integer, epochs between two evaluations; the last epoch
            is always evaluated. Defaults to 5.
        report: Boolean, whether to write a report for people and for the
            command line; see `finetune_classification`. Requires `train` from
            `data.DetectionDataset.batches`, and `validation`. Defaults to
            `False`.
        save_on_interrupt: Boolean, whether Ctrl-C ends the run after the
            current step and saves `last.weights.h5`; see `StopOnInterrupt`.
            Defaults to `False`.
        progress: Function of an iterable and its length that returns the
            iterable, for a progress bar of the evaluation. Defaults to `None`.
        callbacks: Further Keras callbacks.
        verbose: As for `fit`.
        **recipe: Further arguments of `detection_recipe`.

    Returns:
        A `FinetuneResult`.

    Raises:
        FloatingPointError: If the loss becomes NaN; the message lists the
            images.
        KeyboardInterrupt: After Ctrl-C with `save_on_interrupt=True`.
        ValueError: If the directory contains a run with other settings, the
            batches have no length, or an argument is invalid.

    Example:
    ```python
    train = keras_efficient.data.load_detection("bccd", "train")
    val = keras_efficient.data.load_detection("bccd", "val")
    model = keras_efficient.EfficientDetD0(num_classes=train.num_classes)
    result = keras_efficient.training.finetune_detection(
        model,
        train.batches(model.image_size, batch_size=8, training=True),
        val,
        directory="bccd_run",
    )
    print(result.logs["val_mAP50"][-1])
    ```
    """
    start = time.perf_counter()
    _check_part(train_batch_norm, ("auto", "all", "head", "none"))
    if train_batch_norm == "auto":
        pretrained = is_pretrained(model.backbone)
        train_batch_norm = "head" if pretrained else "all"
    check_length(train)
    batch_size = getattr(train, "batch_size", None) or train[0][0].shape[0]
    run = TrainingRun(
        RunDirectory(directory, "detection"), model, train, validation
    )
    if validation is not None:
        run.metrics = evaluation.COCOMetrics(
            validation, every=evaluate_every, batch_size=batch_size
        )
    run.prepare(
        {
            "epochs": epochs,
            "learning_rate": learning_rate,
            "train_batch_norm": train_batch_norm,
            "batch_size": batch_size,
            "num_batches": len(train),
            "recipe": recipe,
        },
        report=report,
        save_on_interrupt=save_on_interrupt,
    )
    _warn_of_anchors(model, train)
    steps = max(1, epochs * len(train))
    unfreeze(model)
    parts = {"all": (), "head": (model.backbone,), "none": (model,)}
    for part in parts[train_batch_norm]:
        freeze_batch_norm(part)
    adapt_batch_norm_momentum(model, steps)
    model.compile(
        **detection_recipe(
            steps, batch_size, learning_rate=learning_rate, **recipe
        )
    )
    with run.interruptible():
        run.fit("all", epochs, callbacks, verbose)
    return run.finish(start, progress)


def unfilled_layers(model: keras.Model, missing: Iterable[str]) -> list[str]:
    """Return the layers that a partial checkpoint has not filled.

    Pass them to `finetune_classification` as `head_layers`: they are trained
    before the layers with pretrained weights.

    Args:
        model: Classification model.
        missing: Names of variables, `LoadReport.missing` of
            `converters.load_checkpoint(model, path, strict=False)`.

    Returns:
        A sorted list of names of layers: those of the missing variables, the
        batch normalizations that follow them, and the classifier.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> keras_efficient.training.unfilled_layers(model, ["top_conv/kernel"])
    ['predictions', 'top_bn', 'top_conv']
    """
    layers = {layer.name for layer in model.layers}
    found = set(CLASSIFIER_LAYERS) & layers
    for variable in missing:
        part = variable.split("/")[0]
        # The name of a variable continues with the part of a block.
        known = [x for x in layers if part == x or part.startswith(f"{x}_")]
        layer = max(known, key=len)
        found |= {layer, layer.replace("_conv", "_bn")} & layers
    return sorted(found)


def _check_part(train_batch_norm: str | bool, accepted: tuple) -> None:
    if train_batch_norm not in accepted:
        raise ValueError(
            f"`train_batch_norm` must be one of {accepted}. "
            f"Received: train_batch_norm={train_batch_norm!r}"
        )


def _as_part(train_batch_norm: str | bool) -> str:
    """Return the string for a deprecated boolean."""
    if not isinstance(train_batch_norm, bool):
        return train_batch_norm
    part = "all" if train_batch_norm else "none"
    deprecation.warn(
        f"training.finetune_classification(train_batch_norm={train_batch_norm})",
        f'training.finetune_classification(train_batch_norm="{part}")',
        stacklevel=4,
    )
    return part


def _warn_of_anchors(model: keras.Model, train: Any) -> None:
    if not hasattr(train, "records") or None in model.image_size:
        return
    advice = measure_anchor_fit(model, train).advice
    if advice:
        _LOGGER.warning(advice)
