"""`ClassificationPreprocessing` in a TensorFlow graph, bit by bit.

PIL resizes 8-bit images with separable filters. Their weights are rounded to 22
bits, sums are integers, and each of the two passes returns 8 bits. This module
computes the same numbers; `tf.image.resize` with `antialias=True` is only
close.
"""

from collections.abc import Sequence

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.types import Tensor

# As in PIL: the bits of an int32 that remain for the weights, if 8-bit pixels
# are multiplied by weights below 2 and summed.
WEIGHT_BITS = 32 - 8 - 2
# Half the width of each filter, in pixels of the smaller of the two images.
SUPPORTS = {"bilinear": 1, "bicubic": 2}


def preprocess_images(
    images: Tensor, preprocessing: ClassificationPreprocessing
) -> Tensor:
    """Crop and resize images of the same size.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`, uint8.
        preprocessing: A `keras_efficient.data.ClassificationPreprocessing`.

    Returns:
        A tensor of shape `(batch, *preprocessing.size, channels)`, uint8.
    """
    import tensorflow as tf

    channels = images.shape[-1]
    if (
        preprocessing.crop_fraction is None
        and tuple(images.shape[1:3]) == preprocessing.size
    ):
        return images
    top, left, height, width = crop_box(
        tf.shape(images)[1], tf.shape(images)[2], preprocessing
    )
    images = images[:, top : top + height, left : left + width]
    images = resample(images, preprocessing.size, preprocessing.method)
    return tf.ensure_shape(images, (None, *preprocessing.size, channels))


def resample(images: Tensor, size: Sequence[Tensor], method: str) -> Tensor:
    """Resize images of the same size with antialiasing.

    Args:
        images: Tensor of shape `(batch, height, width, channels)`, uint8.
        size: Height and width of the result: integers, or int32 tensors.
        method: `"bilinear"` or `"bicubic"`.

    Returns:
        A tensor of shape `(batch, *size, channels)`, uint8.
    """
    import tensorflow as tf

    channels = images.shape[-1]
    # Width first, as in PIL, because its result is rounded to 8 bits.
    for axis, order, back in (
        (2, (2, 0, 1, 3), (1, 2, 0, 3)),
        (1, (1, 0, 2, 3), (1, 0, 2, 3)),
    ):
        # With the resized axis first, a gather copies contiguous memory.
        turned = tf.transpose(images, order)
        others = tf.shape(turned)[1:]
        rows = tf.reshape(
            turned,
            (turned.shape[0] or tf.shape(turned)[0], -1, channels),
        )
        rows = _resample_rows(rows, size[axis - 1], method)
        turned = tf.reshape(rows, tf.concat([[size[axis - 1]], others], axis=0))
        images = tf.transpose(turned, back)
    return images


def crop_box(
    height: Tensor, width: Tensor, preprocessing: ClassificationPreprocessing
) -> tuple[Tensor, ...]:
    """Compute `ClassificationPreprocessing.crop_box` for tensors.

    Args:
        height: Scalar int32 tensor.
        width: Scalar int32 tensor.
        preprocessing: A `keras_efficient.data.ClassificationPreprocessing`.

    Returns:
        A tuple of four scalar int32 tensors: top, left, height, width.
    """
    import tensorflow as tf

    share = preprocessing.exact_fraction
    if share is None:
        return tf.constant(0), tf.constant(0), height, width
    target_height, target_width = preprocessing.size
    rows, columns = tf.cast(height, tf.int64), tf.cast(width, tf.int64)
    is_height_short = rows * target_width <= columns * target_height
    numerator = 2 * share.numerator * tf.where(is_height_short, rows, columns)
    divisor = (
        2
        * share.denominator
        * tf.where(
            is_height_short,
            tf.constant(target_height, tf.int64),
            tf.constant(target_width, tf.int64),
        )
    )
    kept_height, kept_width = (
        tf.maximum((side * numerator + divisor // 2) // divisor, 1)
        for side in preprocessing.size
    )
    top, left = (rows - kept_height) // 2, (columns - kept_width) // 2
    box = (top, left, kept_height, kept_width)
    return tuple(tf.cast(number, tf.int32) for number in box)


def _resample_rows(image: Tensor, target: Tensor, method: str) -> Tensor:
    """Resize the first axis: `(n, m, c)` -> `(target, m, c)`, uint8."""
    import tensorflow as tf

    source = image.shape[0]
    start = 1 << (WEIGHT_BITS - 1)
    if source is not None and isinstance(target, int):
        # Known sizes need no loop in the graph, which some runtimes do not
        # support.
        with tf.init_scope():
            taps = [x.numpy() for x in _filter_taps(source, target, method)]
        total = start
        for indices, weights in zip(*taps, strict=True):
            pixels = tf.cast(tf.gather(image, indices), tf.int32)
            total += pixels * weights[:, None, None]
    else:
        total = _sum_of_taps(image, target, method, start)
    total = tf.bitwise.right_shift(total, WEIGHT_BITS)
    return tf.cast(tf.clip_by_value(total, 0, 255), tf.uint8)


def _sum_of_taps(
    image: Tensor, target: Tensor, method: str, start: int
) -> Tensor:
    """Compute the sum of `_resample_rows` for sizes known at run time."""
    import tensorflow as tf

    indices, weights = _filter_taps(tf.shape(image)[0], target, method)
    shape = tf.concat([[target], tf.shape(image)[1:]], axis=0)

    def add_tap(tap: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        pixels = tf.cast(tf.gather(image, indices[tap]), tf.int32)
        return tap + 1, total + pixels * weights[tap][:, None, None]

    _, total = tf.while_loop(
        lambda tap, total: tap < tf.shape(indices)[0],
        add_tap,
        (0, tf.fill(shape, start)),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape((None, None, image.shape[-1])),
        ),
        # Each tap needs the total of the previous one.
        parallel_iterations=1,
    )
    return total


def _filter_taps(
    source: Tensor, target: Tensor, method: str
) -> tuple[Tensor, Tensor]:
    """Return indices and weights of the pixels that each new pixel sums.

    Both have the shape `(taps, target)`. Weights are int32 in units of
    `2**-WEIGHT_BITS`.
    """
    import tensorflow as tf

    # Integers as far as possible, for runtimes without float64, in units of
    # 1 / (2 * target) pixels.
    larger = tf.maximum(source, target)
    centers = (2 * tf.range(target) + 1) * source
    support = 2 * SUPPORTS[method] * larger
    first = tf.maximum((centers - support + target) // (2 * target), 0)
    end = tf.minimum((centers + support + target) // (2 * target), source)
    taps = tf.range(tf.reduce_max(end - first))
    indices = first + taps[:, None]
    offsets = tf.abs((2 * indices + 1) * target - centers)
    weights = tf.cast(offsets, tf.float64) / tf.cast(2 * larger, tf.float64)
    weights = _filter(weights, method)
    weights = tf.where(indices < end, weights, tf.zeros_like(weights))
    weights /= tf.reduce_sum(weights, axis=0)
    fixed = tf.floor(tf.abs(weights) * (1 << WEIGHT_BITS) + 0.5)
    fixed = tf.cast(tf.sign(weights) * fixed, tf.int32)
    return tf.minimum(indices, source - 1), fixed


def _filter(x: Tensor, method: str) -> Tensor:
    """Evaluate a filter at distances `x >= 0`.

    The cubic filter has a = -0.5 (Keys, 1981).
    """
    import tensorflow as tf

    if method == "bilinear":
        return tf.maximum(1.0 - x, 0.0)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    zero = tf.zeros_like(x)
    return tf.where(x < 1.0, near, tf.where(x < 2.0, far, zero))
