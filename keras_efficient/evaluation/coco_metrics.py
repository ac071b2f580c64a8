"""COCO metrics during training."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_efficient.data import DetectionDataset
from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.class_matching import match_classes
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.evaluation.detection import evaluate_detection
from keras_efficient.log import get_logger

logger = get_logger(__name__)


class COCOMetrics(keras.callbacks.Callback):
    """Add the twelve COCO metrics to the logs of `fit`.

    If the optimizer keeps a moving average of the weights, the average is
    evaluated, because `fit` ends with it. The metrics appear in the logs of
    the evaluated epochs only, like those of Keras' `validation_freq`.

    Pass it before the callbacks that read the logs: `ModelCheckpoint` and
    `EarlyStopping` with `monitor="val_mAP", mode="max"`, and `CSVLogger`,
    which keeps the columns of the first epoch and thus requires `every=1`.
    Pass it also before `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)`,
    with which `ModelCheckpoint` saves the average that was evaluated.

    Args:
        dataset: A `data.DetectionDataset`.
        every: Integer, number of epochs between two evaluations. The last
            epoch of `fit` is always evaluated. Defaults to 1.
        batch_size: Integer, images for each call of the network. Defaults to
            8.
        prefix: String before the name of each metric. Defaults to `"val_"`.
        print_table: Boolean, whether to log a table with the metrics of each
            class. Defaults to `False`.
        **options: Further arguments of `evaluate_detection`.

    Returns:
        A `keras.callbacks.Callback`. Its `result` is the last `COCOResult`.

    Raises:
        ValueError: If `every` is less than 1; in `fit`, if the model does not
            have all classes of the data set.

    Example:
    ```python
    metrics = keras_efficient.evaluation.COCOMetrics(validation, every=5)
    model.fit(batches, epochs=50, callbacks=[metrics])
    print(metrics.result)
    ```
    """

    def __init__(
        self,
        dataset: DetectionDataset,
        *,
        every: int = 1,
        batch_size: int = 8,
        prefix: str = "val_",
        print_table: bool = False,
        **options: Any,
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
        self.options = {"batch_size": batch_size, **options}
        self.result: COCOResult | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check the classes before the first epoch."""
        match_classes(self.model, self.dataset)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Evaluate the model in every `every`-th and in the last epoch."""
        is_last = epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every and not is_last:
            return
        with averaged_weights(self.model):
            result = evaluate_detection(
                self.model, self.dataset, **self.options
            )
        self.result = result
        if logs is not None:
            for name, number in result.metrics.items():
                logs[f"{self.prefix}{name}"] = number
        if self.print_table:
            logger.info("\n%s", result)
