"""What goes into and comes out of a network trained on ImageNet."""

import keras


def preprocess_input(x, data_format=None):
    """Returns its input: the models normalise pixels themselves.

    It stands here as in `keras.applications`, so that code for other networks
    runs unchanged. Pixels go in as they are, RGB in `[0, 255]`.

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


def decode_predictions(preds, top=5):
    """Names the most probable ImageNet classes of each image.

    Downloads ImageNet's class names once (35 KB), into Keras' cache.

    Args:
        preds: Float array of shape `(batch, 1000)`, class probabilities.
        top: Integer, how many classes to name. Defaults to 5.

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
