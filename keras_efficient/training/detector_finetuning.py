"""Training of a detector on a set of one's own."""

import dataclasses
import pathlib

from keras_efficient.evaluation import COCOMetrics
from keras_efficient.training.anchor_fit import measure_anchor_fit
from keras_efficient.training.detection_recipes import detection_recipe
from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import quicken_batch_norm
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.runs import Run
from keras_efficient.training.runs import check_length

STEP = "all"


@dataclasses.dataclass(frozen=True)
class DetectorResult:
    """What a training of a detector gave.

    Attributes:
        logs: One list of floats for each metric, one number an epoch; NaN
            where it was not measured.
        directory: Folder with checkpoints and logs.
    """

    logs: dict[str, list[float]]
    directory: pathlib.Path


def finetune_detector(
    model,
    train,
    validation=None,
    *,
    directory,
    epochs=50,
    learning_rate=1e-3,
    train_batch_norm="head",
    evaluate_every=5,
    callbacks=(),
    verbose="auto",
    **recipe,
):
    """Trains a detector on a small set of images.

    Before the first step it says so where the anchors are of another size
    than the objects (`measure_anchor_fit`).

    Everything learns from the first step, by `detection_recipe`. With the
    small batches that fit into a memory the backbone's batch norm keeps the
    statistics that it was pretrained with; that of feature network and heads
    learns, quickly enough for the steps there are (`quicken_batch_norm`).

    The folder keeps what is needed to go on: run the same call again after a
    break, also a `kill -9`, and it continues with the epoch that broke off,
    with the same images in the same order. `log_all.csv` holds the numbers of
    each epoch. The model ends with the average of its weights.

    Args:
        model: An `EfficientDet`. It is changed in place.
        train: `data.DetectionBatches`, or any data that `fit` takes and whose
            `len` is its number of batches.
        validation: `data.DetectionDataset` whose mean average precision is
            measured, or `None`.
        directory: Path of a folder for checkpoints and logs.
        epochs: Integer. Defaults to 50.
        learning_rate: Float, highest value for a batch of 8. Defaults to
            1e-3.
        train_batch_norm: `"all"`, `"head"` for that of feature network and
            heads, or `"none"`, for a detector that was trained whole.
            Defaults to `"head"`.
        evaluate_every: Integer, epochs between two measurements; the last
            epoch is always measured. Defaults to 5.
        callbacks: Further Keras callbacks.
        verbose: As for `fit`.
        **recipe: Further arguments of `detection_recipe`.

    Returns:
        A `DetectorResult`.

    Raises:
        FloatingPointError: If the loss becomes NaN; the message names the
            images.
        ValueError: If the folder holds a run with other settings, or the
            batches have no length.

    Example:
    ```python
    train = keras_efficient.data.load_detection("bccd", "train")
    val = keras_efficient.data.load_detection("bccd", "val")
    model = keras_efficient.EfficientDetD0(num_classes=train.num_classes)
    result = keras_efficient.training.finetune_detector(
        model,
        train.batches(model.image_size, batch_size=8, training=True),
        val,
        directory="bccd_run",
    )
    print(result.logs["val_mAP50"][-1])
    ```
    """
    check_length(train)
    batch_size = getattr(train, "batch_size", None) or train[0][0].shape[0]
    metrics = []
    if validation is not None:
        metrics = [
            COCOMetrics(validation, every=evaluate_every, batch_size=batch_size)
        ]
    run = Run(directory, model, train, None, callbacks, verbose, metrics)
    run.check_settings(
        {
            "epochs": epochs,
            "learning_rate": learning_rate,
            "train_batch_norm": train_batch_norm,
            "batch_size": batch_size,
            "num_batches": len(train),
            "recipe": recipe,
        }
    )
    if verbose and hasattr(train, "records") and None not in model.image_size:
        advice = measure_anchor_fit(model, train).advice
        if advice:
            print(advice)
    steps = max(1, epochs * len(train))
    _freeze_batch_norm(model, train_batch_norm)
    quicken_batch_norm(model, steps)
    model.compile(
        **detection_recipe(
            steps,
            batch_size,
            learning_rate=learning_rate,
            **recipe,
        )
    )
    run.fit(STEP, epochs)
    return DetectorResult(run.logs(STEP), run.directory)


def _freeze_batch_norm(model, train_batch_norm):
    frozen = {"all": (), "head": (model.backbone,), "none": (model,)}
    if train_batch_norm not in frozen:
        raise ValueError(
            f"`train_batch_norm` must be one of {tuple(frozen)}. "
            f"Received: train_batch_norm={train_batch_norm!r}"
        )
    unfreeze(model)
    for part in frozen[train_batch_norm]:
        freeze_batch_norm(part)
