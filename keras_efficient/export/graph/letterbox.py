"""`DetectionPreprocessing` inside a TensorFlow graph."""

from keras_efficient.export.graph.resampling import resample


def letterbox(images, preprocessing):
    """Scales a batch of images into one size and fills the rest.

    Args:
        images: Tensor of shape `(batch, height, width, 3)`, uint8.
        preprocessing: A `keras_efficient.data.DetectionPreprocessing`.

    Returns:
        A pair: tensor of shape `(batch, *preprocessing.size, 3)`, float32;
        and a scalar, by what the sides were multiplied.
    """
    import tensorflow as tf

    if tuple(images.shape[1:3]) == preprocessing.size:
        return tf.cast(images, tf.float32), tf.constant(1.0)
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
    # Moved by the fill, what is added at the edges is 0.
    fill = tf.constant(preprocessing.fill, tf.float32)
    height, width = preprocessing.size
    images = tf.pad(
        images - fill,
        [[0, 0], [0, height - scaled[0]], [0, width - scaled[1]], [0, 0]],
    )
    # Unlike a promise of the shape, other formats keep this.
    images = tf.reshape(images + fill, (-1, height, width, 3))
    return images, scale


def _resize_axis(images, axis, old, new):
    """Bilinear, half-pixel centres: as `data.resizing` does it."""
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
