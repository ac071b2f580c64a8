"""A detector measured on a data set, also while it is trained."""

import keras

from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.coco import evaluate_coco


def evaluate_detector(model, dataset, *, score_threshold=0.001, **detect):
    """Finds the objects of a data set, and says how well.

    Args:
        model: An `EfficientDet` with the classes of the data set.
        dataset: A `data.DetectionDataset`.
        score_threshold: Float; even unsure detections count, as they are
            ranked by their scores. Defaults to 0.001.
        **detect: Further arguments of `inference.detect`, such as
            `batch_size` and `nms`.

    Returns:
        A `COCOResult`.

    Raises:
        ValueError: If the classes do not fit.

    Example:
    ```python
    dataset = keras_efficient.data.load_detection("bccd", "test")
    print(keras_efficient.evaluation.evaluate_detector(model, dataset))
    ```
    """
    images = [record.image for record in dataset.records]
    found = model.detect(images, score_threshold=score_threshold, **detect)
    return evaluate_coco(dataset, found)


class COCOMetrics(keras.callbacks.Callback):
    """Adds COCO's twelve numbers to the logs of `fit`.

    Where the optimizer keeps an average of the weights, that is measured. Put
    it ahead of callbacks that read the logs, such as `CSVLogger` and
    `ModelCheckpoint(monitor="val_mAP")`. In epochs that are not measured the
    numbers are not in the logs.

    Args:
        dataset: A `data.DetectionDataset`.
        every: Integer, epochs from one measurement to the next; the last
            epoch is always measured. Defaults to 1.
        prefix: String, put in front of the names. Defaults to `"val_"`.
        print_table: Boolean, whether to print the table by class. Defaults to
            `False`.
        **detect: Arguments of `evaluate_detector`, such as `batch_size`.

    Returns:
        A `keras.callbacks.Callback` with the last `COCOResult` as its
        `result`.

    Raises:
        ValueError: If `every` is below 1.

    Example:
    ```python
    metrics = keras_efficient.evaluation.COCOMetrics(validation, every=5)
    model.fit(batches, epochs=50, callbacks=[metrics])
    print(metrics.result)
    ```
    """

    def __init__(
        self, dataset, *, every=1, prefix="val_", print_table=False, **detect
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
        self.detect = detect
        self.result = None

    def on_epoch_end(self, epoch, logs=None):
        """Measures, if it is time."""
        is_last = epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every and not is_last:
            return
        with averaged_weights(self.model):
            self.result = evaluate_detector(
                self.model, self.dataset, **self.detect
            )
        if logs is not None:
            for name, value in self.result.metrics.items():
                logs[f"{self.prefix}{name}"] = value
        if self.print_table:
            print(f"\n{self.result}")
