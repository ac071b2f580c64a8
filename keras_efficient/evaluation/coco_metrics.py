"""COCO's numbers while a detector is trained."""

import keras

from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.detection import evaluate_detection
from keras_efficient.evaluation.detection import labels_of_model


class COCOMetrics(keras.callbacks.Callback):
    """Adds COCO's twelve numbers to the logs of `fit`.

    Where the optimizer keeps an average of the weights, that is measured, as
    `fit` ends with it. The numbers are in the logs of the epochs that are
    measured only, as those of Keras' own `validation_freq`.

    Put it ahead of the callbacks that read the logs: `ModelCheckpoint` and
    `EarlyStopping` with `monitor="val_mAP", mode="max"`, and `CSVLogger`,
    which keeps the columns of the first epoch and so needs `every=1`; and
    ahead of `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)`, with which
    a `ModelCheckpoint` saves what was measured: the average.

    Args:
        dataset: A `data.DetectionDataset`.
        every: Integer, epochs from one measurement to the next; the last of
            `fit`'s epochs is always measured. Defaults to 1.
        batch_size: Integer. Defaults to 8.
        prefix: String, put in front of the names. Defaults to `"val_"`.
        print_table: Boolean, whether to print the table by class. Defaults to
            `False`.
        **detect: Further arguments of `evaluate_detection`.

    Returns:
        A `keras.callbacks.Callback`; its `result` is the last `COCOResult`.

    Raises:
        ValueError: If `every` is below 1; in `fit`, if the model does not
            know all classes of the data set.

    Example:
    ```python
    metrics = keras_efficient.evaluation.COCOMetrics(validation, every=5)
    model.fit(batches, epochs=50, callbacks=[metrics])
    print(metrics.result)
    ```
    """

    def __init__(
        self,
        dataset,
        *,
        every=1,
        batch_size=8,
        prefix="val_",
        print_table=False,
        **detect,
    ):
        if every < 1:
            raise ValueError(
                f"`every` must be at least 1. Received: every={every}"
            )
        super().__init__()
        self.dataset = dataset
        self.every = every
        self.prefix = prefix
        self.print_table = print_table
        self.detect = {"batch_size": batch_size, **detect}
        self.result = None

    def on_train_begin(self, logs=None):
        """Looks at the classes, ahead of the first epoch."""
        labels_of_model(self.model, self.dataset)

    def on_epoch_end(self, epoch, logs=None):
        """Measures, if it is time."""
        is_last = epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every and not is_last:
            return
        with averaged_weights(self.model):
            self.result = evaluate_detection(
                self.model, self.dataset, **self.detect
            )
        if logs is not None:
            for name, number in self.result.metrics.items():
                logs[f"{self.prefix}{name}"] = number
        if self.print_table:
            print(f"\n{self.result}")
