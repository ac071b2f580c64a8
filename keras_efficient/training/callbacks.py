"""Callbacks that Keras does not have."""

import math
import time

import keras

# As many images as fit into a message.
MAX_NAMED = 8


class FollowEpochs(keras.callbacks.Callback):
    """Sets the epoch of batches to the number of `fit`'s epoch.

    A training that goes on after a break then sees the images in the order,
    and changed as, it would have seen them without the break.

    Args:
        batches: A `data.ClassificationBatches`, or anything with an attribute
            `epoch`.

    Returns:
        A `keras.callbacks.Callback`.

    Example:
    ```python
    model.fit(batches, callbacks=[FollowEpochs(batches)], initial_epoch=5)
    ```
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        """Says which epoch begins."""
        self.batches.epoch = epoch


class Throughput(keras.callbacks.Callback):
    """Adds images a second to the logs of each epoch.

    Args:
        num_images: Integer, images of one epoch.

    Returns:
        A `keras.callbacks.Callback`.

    Example:
    ```python
    model.fit(batches, callbacks=[Throughput(len(dataset))])
    ```
    """

    def __init__(self, num_images):
        super().__init__()
        self.num_images = num_images

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._start = time.perf_counter()
        self._train_end = None

    def on_test_begin(self, logs=None):
        """Stops the clock where validation begins."""
        self._train_end = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Adds `images_per_second` to the logs."""
        end = self._train_end or time.perf_counter()
        if logs is not None:
            logs["images_per_second"] = self.num_images / (end - self._start)


class TerminateOnNaN(keras.callbacks.Callback):
    """Stops a training with an error where the loss is no number any more.

    `keras.callbacks.TerminateOnNaN` ends the epoch as if it was whole, and
    later callbacks save the weights that are spoilt. This one raises an
    error, so that the last checkpoint stays, and names the batch.

    Args:
        batches: What `fit` trains on; if it has a method `sources`, as
            `data.DetectionBatches`, the message names the images. Defaults to
            `None`.

    Returns:
        A `keras.callbacks.Callback`.

    Raises:
        FloatingPointError: In `fit`, when the loss is NaN or infinite.

    Example:
    ```python
    model.fit(
        batches,
        callbacks=[keras_efficient.training.TerminateOnNaN(batches)],
    )
    ```
    """

    def __init__(self, batches=None):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch, for the message."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss."""
        loss = float((logs or {}).get("loss", 0.0))
        if math.isfinite(loss):
            return
        raise FloatingPointError(
            f"The loss became {loss} in epoch {self._epoch + 1}, batch "
            f"{batch + 1}{self._images(batch)}. Lower the learning rate, clip "
            "the gradients, or look at these images and their labels. What "
            "was saved before is whole."
        )

    def _images(self, batch):
        if not hasattr(self.batches, "sources"):
            return ""
        names = [str(source) for source in self.batches.sources(batch)]
        rest = len(names) - MAX_NAMED
        shown = ", ".join(names[:MAX_NAMED])
        return f" ({shown}{f' and {rest} more' if rest > 0 else ''})"
