"""`DetectionPreprocessing` in a TensorFlow graph."""

from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data.image_channels import fill_for
from keras_efficient.export.graph.resampling import resample
from keras_efficient.types import Tensor


def letterbox(
    images: Tensor, preprocessing: DetectionPreprocessing
) -> tuple[Tensor, Tensor]:
    """Scale a batch of images to a fixed size and pad them.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`, uint8.
        preprocessing: A `keras_efficient.data.DetectionPreprocessing`.

    Returns:
        A tuple of a float32 tensor of shape `(batch, *preprocessing.size,
        channels)` and a scalar, the factor that the sides were multiplied by.
    """
    import tensorflow as tf

    if tuple(images.shape[1:3]) == preprocessing.size:
        return tf.cast(images, tf.float32), tf.constant(1.0)
    channels = images.shape[-1]
    shape = tf.shape(images)
    sides = tf.cast(shape[1:3], tf.float32)
    target = tf.constant(preprocessing.size, tf.float32)
    scale = tf.reduce_min(target / sides)
    scaled = tf.maximum(tf.cast(sides * scale, tf.int32), 1)
    if preprocessing.antialias:
        images = resample(images, tf.unstack(scaled), "bilinear")
        images = tf.cast(images, tf.float32)
    else:
        images = _resize_axis(images, 1, shape[1], scaled[0])
        images = _resize_axis(images, 2, shape[2], scaled[1])
    # Shifted by the fill color, the padding is 0.
    fill = tf.constant(fill_for(preprocessing.fill, channels), tf.float32)
    height, width = preprocessing.size
    images = tf.pad(
        images - fill,
        [[0, 0], [0, height - scaled[0]], [0, width - scaled[1]], [0, 0]],
    )
    # Converters to other formats keep a reshape, but not `ensure_shape`.
    images = tf.reshape(images + fill, (-1, height, width, channels))
    return images, scale


def _resize_axis(images: Tensor, axis: int, old: Tensor, new: Tensor) -> Tensor:
    """Resize one axis bilinearly with half-pixel centers.

    The result equals that of `data.resizing`.
    """
    import tensorflow as tf

    step = tf.cast(old, tf.float32) / tf.cast(new, tf.float32)
    places = (tf.cast(tf.range(new), tf.float32) + 0.5) * step - 0.5
    low = tf.floor(places)
    share = places - low
    share = tf.reshape(share, [-1 if i == axis else 1 for i in range(4)])
    low = tf.cast(low, tf.int32)
    first, second = (
        tf.cast(
            tf.gather(images, tf.clip_by_value(index, 0, old - 1), axis=axis),
            tf.float32,
        )
        for index in (low, low + 1)
    )
    return first + (second - first) * share
