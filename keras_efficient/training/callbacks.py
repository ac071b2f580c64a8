"""Callbacks that Keras does not have."""

import time

import keras


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
