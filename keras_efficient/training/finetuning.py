"""Transfer learning in two steps: the head alone, then all of it."""

import dataclasses
import pathlib

from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import freeze_except
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.recipes import classification_recipe
from keras_efficient.training.runs import Run
from keras_efficient.training.runs import check_length


@dataclasses.dataclass(frozen=True)
class FinetuneResult:
    """What a fine-tuning gave.

    Attributes:
        head: Logs of the head's epochs, one list of floats for each metric.
        all: Logs of the epochs in which everything learns.
        directory: Folder with checkpoints and logs.
    """

    head: dict[str, list[float]]
    all: dict[str, list[float]]
    directory: pathlib.Path


def finetune_classifier(
    model,
    train,
    validation=None,
    *,
    directory,
    head_epochs=5,
    epochs=10,
    head_learning_rate=1e-2,
    learning_rate=1e-3,
    head_layers=("predictions",),
    train_batch_norm=False,
    callbacks=(),
    verbose="auto",
    **recipe,
):
    """Fine-tunes a pretrained classifier on other images, in two steps.

    First the head learns alone, on frozen features. Then everything learns,
    with a lower learning rate and with batch norm frozen, so that small
    batches do not spoil its statistics. Both follow `classification_recipe`.

    The folder keeps what is needed to go on: run the same call again after a
    break, and it continues with the epoch that broke off, with the same
    images in the same order. A finished run is not trained again, only
    loaded. `log_head.csv` and `log_all.csv` hold the numbers of each epoch.

    Args:
        model: A `keras.Model` with a softmax over classes at its end. It is
            changed in place, and ends with the weights of the last epoch.
        train: `data.ClassificationBatches`, or any data that `fit` takes and
            whose `len` is its number of batches.
        validation: The same, or `None`.
        directory: Path of a folder for checkpoints and logs.
        head_epochs: Integer, epochs of the head; 0 for none. Defaults to 5.
        epochs: Integer, epochs of everything; 0 for none. Defaults to 10.
        head_learning_rate: Float, the head's highest. Defaults to 1e-2.
        learning_rate: Float, highest of everything. Defaults to 1e-3.
        head_layers: Names of the layers that learn first: those without
            pretrained weights. Defaults to `("predictions",)`.
        train_batch_norm: Boolean, whether batch norm learns, too, in the
            second step. Defaults to `False`.
        callbacks: Further Keras callbacks, for both steps.
        verbose: As for `fit`.
        **recipe: Further arguments of `classification_recipe`.

    Returns:
        A `FinetuneResult`.

    Raises:
        ValueError: If the folder holds a run with other settings, or the
            batches have no length.

    Example:
    ```python
    model = keras_efficient.EfficientNetB0(classes=5)
    result = keras_efficient.training.finetune_classifier(
        model, train.batches(224, training=True), val.batches(224),
        directory="flowers_run",
    )
    print(result.all["val_accuracy"][-1])
    ```
    """
    check_length(train)
    run = Run(directory, model, train, validation, callbacks, verbose)
    run.check_settings(
        {
            "epochs": [head_epochs, epochs],
            "learning_rates": [head_learning_rate, learning_rate],
            "head_layers": list(head_layers),
            "train_batch_norm": train_batch_norm,
            "num_batches": len(train),
            "recipe": recipe,
        }
    )
    logs = {}
    for step, step_epochs, rate in (
        ("head", head_epochs, head_learning_rate),
        ("all", epochs, learning_rate),
    ):
        if step == "head":
            freeze_except(model, head_layers)
        else:
            unfreeze(model)
        if step == "all" and not train_batch_norm:
            freeze_batch_norm(model)
        if step_epochs:
            steps = step_epochs * len(train)
            model.compile(
                **classification_recipe(steps, learning_rate=rate, **recipe)
            )
            run.fit(step, step_epochs)
        logs[step] = run.logs(step)
    return FinetuneResult(logs["head"], logs["all"], run.directory)
