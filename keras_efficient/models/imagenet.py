"""Preprocessing and class names of networks trained on ImageNet."""

from typing import Any

import keras

from keras_efficient.types import DataFormat
from keras_efficient.types import Tensor


def preprocess_input(
    x: Tensor, data_format: DataFormat | None = None
) -> Tensor:
    """Return the input unchanged, since the models normalize pixels.

    It exists for code written for `keras.applications`. Inputs of the models
    are RGB pixels in `[0, 255]`.

    Args:
        x: Float or integer array or tensor of images, RGB in `[0, 255]`.
        data_format: Unused. Defaults to `None`.

    Returns:
        `x`, unchanged.

    Example:
    >>> keras_efficient.preprocess_input(127.0)
    127.0
    """
    return x


def decode_predictions(
    preds: Any, top: int = 5
) -> list[list[tuple[str, str, float]]]:
    """Return the names of the most probable ImageNet classes of each image.

    The first call downloads the class names (35 KB) into Keras' cache.

    Args:
        preds: Float array of shape `(batch, 1000)`, class probabilities.
        top: Integer, number of classes to return. Defaults to 5.

    Returns:
        A list with, for each image, a list of `top` tuples `(wordnet_id,
        class_name, probability)`, the most probable first.

    Raises:
        ValueError: If `preds` is not of shape `(batch, 1000)`.

    Example:
    ```python
    model = keras_efficient.EfficientNetB0()
    keras_efficient.decode_predictions(model.predict(images), top=3)
    ```
    """
    return keras.applications.imagenet_utils.decode_predictions(preds, top=top)
