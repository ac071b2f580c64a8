"""Decoding of image files in a TensorFlow graph.

The result is identical to `keras_efficient.data.load_image` for JPEG
(including grayscale, progressive and CMYK) and 8-bit PNG (including grayscale,
palette and transparency). The EXIF orientation (JEITA CP-3451, section 4.6) is
applied to both.
"""

from collections.abc import Callable
from collections.abc import Sequence

from keras_efficient.data.image_channels import LUMINANCE
from keras_efficient.data.image_channels import LUMINANCE_BITS
from keras_efficient.data.image_channels import OPAQUE
from keras_efficient.types import Tensor

# EXIF data precedes the pixels, in one of the first segments.
HEADER_BYTES = 1 << 18
MAX_SEGMENTS = 256
# Codes of the segments of a JPEG file.
APP1 = 0xE1
ENDS = (0xDA, 0xD9)
# The entry of the orientation, and the number types that are in use for it.
ORIENTATION_TAG = 0x0112
BYTE, SHORT, LONG = 1, 3, 4
ENTRY_BYTES = 12
UPRIGHT = 1


def decode_image(image_bytes: Tensor, channels: int = 3) -> Tensor:
    """Decode an image and apply its EXIF orientation.

    Args:
        image_bytes: Scalar string tensor, the content of a JPEG, PNG, BMP, GIF
            (the first image) or WebP file.
        channels: Integer: 1 for the luminance, 3 for RGB, 4 for RGBA. Defaults
            to 3.

    Returns:
        Tensor of shape `(height, width, channels)`, uint8.
    """
    pixels = _decode_rgb(image_bytes)
    if channels == 1:
        pixels = _luminance(pixels)
    elif channels == 4:
        pixels = _with_alpha(pixels, image_bytes)
    return rotate_upright(pixels, find_orientation(image_bytes))


def _decode_rgb(image_bytes: Tensor) -> Tensor:
    import tensorflow as tf

    # PIL uses the accurate transform. The default one differs by up to 20 of
    # 255, and `decode_image` has no option for it. It does not drop the alpha
    # of WebP files either.
    image = tf.switch_case(
        _kind(image_bytes),
        [
            lambda: tf.io.decode_image(
                image_bytes, channels=3, expand_animations=False
            ),
            lambda: tf.io.decode_jpeg(
                image_bytes, channels=3, dct_method="INTEGER_ACCURATE"
            ),
            lambda: _decode_own(image_bytes)[..., :3],
        ],
    )
    return tf.ensure_shape(image, (None, None, 3))


def _kind(image_bytes: Tensor) -> Tensor:
    """Return 1 for a JPEG file, 2 for a WebP file, otherwise 0."""
    import tensorflow as tf

    starts_with = lambda text: tf.cast(
        tf.equal(tf.strings.substr(image_bytes, 0, len(text)), text), tf.int32
    )
    return starts_with(b"\xff\xd8") + 2 * starts_with(b"RIFF")


def _decode_own(image_bytes: Tensor) -> Tensor:
    """Decode an image with the channels of the file."""
    import tensorflow as tf

    return tf.io.decode_image(image_bytes, channels=0, expand_animations=False)


def _luminance(pixels: Tensor) -> Tensor:
    """Compute `data.image_channels.luminance` for a tensor."""
    import tensorflow as tf

    weights = tf.constant(LUMINANCE, tf.int32)
    total = tf.reduce_sum(tf.cast(pixels, tf.int32) * weights, -1, True)
    total += 1 << (LUMINANCE_BITS - 1)
    return tf.cast(tf.bitwise.right_shift(total, LUMINANCE_BITS), tf.uint8)


def _with_alpha(pixels: Tensor, image_bytes: Tensor) -> Tensor:
    """Append the alpha of a PNG or WebP file; other files have none."""
    import tensorflow as tf

    def opaque() -> Tensor:
        return tf.fill(
            (tf.shape(pixels)[0], tf.shape(pixels)[1], 1),
            tf.constant(OPAQUE, tf.uint8),
        )

    def of_webp() -> Tensor:
        own = _decode_own(image_bytes)
        return tf.cond(tf.shape(own)[-1] > 3, lambda: own[..., 3:], opaque)

    is_png = tf.equal(tf.strings.substr(image_bytes, 0, 4), b"\x89PNG")
    alpha = tf.cond(
        is_png,
        lambda: tf.io.decode_png(image_bytes, channels=4)[..., 3:],
        lambda: tf.cond(tf.equal(_kind(image_bytes), 2), of_webp, opaque),
    )
    # Of the same file, so of the same size.
    return tf.ensure_shape(tf.concat([pixels, alpha], axis=-1), (None, None, 4))


def rotate_upright(image: Tensor, orientation: Tensor) -> Tensor:
    """Apply an EXIF orientation.

    Args:
        image: Tensor of shape `(height, width, channels)`.
        orientation: Scalar int32 tensor from 1 to 8. Other values are treated
            as 1.

    Returns:
        A tensor of shape `(height, width, channels)`, or with height and width
        swapped.
    """
    import tensorflow as tf

    def do_for(
        orientations: Sequence[int],
        function: Callable[[Tensor], Tensor],
        image: Tensor,
    ) -> Tensor:
        applies = tf.reduce_any(tf.equal(orientation, orientations))
        return tf.cond(applies, lambda: function(image), lambda: image)

    swap_axes = lambda x: tf.transpose(x, (1, 0, 2))
    image = do_for((5, 6, 7, 8), swap_axes, image)
    image = do_for((2, 3, 6, 7), lambda x: x[:, ::-1], image)
    return do_for((3, 4, 7, 8), lambda x: x[::-1], image)


def find_orientation(image_bytes: Tensor) -> Tensor:
    """Return the EXIF orientation of an image.

    Args:
        image_bytes: Scalar string tensor, the content of a file.

    Returns:
        A scalar int32 tensor: the value in the file, or 1 if it has none.
    """
    import tensorflow as tf

    header = _Bytes(tf.strings.substr(image_bytes, 0, HEADER_BYTES))
    start = tf.cond(
        header.equal(0, b"\x89PNG"),
        lambda: _find_in_png(header),
        lambda: _find_in_jpeg(header),
    )
    return tf.cond(
        start >= 0,
        lambda: _read_orientation(header, start),
        lambda: tf.constant(UPRIGHT),
    )


class _Bytes:
    """Integers in a byte string, with zeros after its end.

    Damaged files contain offsets beyond their end, which must not fail.
    """

    def __init__(self, string: Tensor) -> None:
        import tensorflow as tf

        values = tf.cast(tf.io.decode_raw(string, tf.uint8), tf.int32)
        self.size = tf.size(values)
        self._values = tf.pad(values, [[0, 8]])

    def slice(self, start: Tensor, count: Tensor) -> Tensor:
        import tensorflow as tf

        start = tf.clip_by_value(start, 0, self.size)
        return self._values[start : start + count]

    def equal(self, start: Tensor, expected: bytes) -> Tensor:
        import tensorflow as tf

        found = self.slice(start, len(expected))
        return tf.reduce_all(tf.equal(found, list(expected)))

    def integer(
        self, start: Tensor, count: int, is_little: Tensor = False
    ) -> Tensor:
        import tensorflow as tf

        values = self.slice(start, count)
        values = tf.where(is_little, values[::-1], values)
        shifts = [8 * place for place in reversed(range(count))]
        return tf.reduce_sum(tf.bitwise.left_shift(values, shifts))


def _find_in_jpeg(header: _Bytes) -> Tensor:
    """Return the offset of the TIFF header in a JPEG file, or -1."""
    import tensorflow as tf

    def step(place: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        code = header.integer(place + 1, 1)
        # Otherwise a fill byte, or garbage between segments.
        is_segment = (
            tf.equal(header.integer(place, 1), 0xFF) & (code > 0) & (code < 255)
        )
        is_exif = (
            is_segment
            & tf.equal(code, APP1)
            & header.equal(place + 4, b"Exif\0\0")
        )
        is_end = is_segment & tf.reduce_any(tf.equal(code, ENDS))
        length = tf.where(is_segment, 2 + header.integer(place + 2, 2), 1)
        return (
            tf.where(is_end, header.size, place + length),
            tf.where(is_exif, place + 10, found),
        )

    return _search(header, step, first=2)


def _find_in_png(header: _Bytes) -> Tensor:
    """Return the offset of the TIFF header in a PNG file, or -1."""
    import tensorflow as tf

    def step(place: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        is_end = header.equal(place + 4, b"IDAT")
        is_exif = header.equal(place + 4, b"eXIf")
        length = 12 + header.integer(place, 4)
        return (
            tf.where(is_end | (length < 12), header.size, place + length),
            tf.where(is_exif, place + 8, found),
        )

    return _search(header, step, first=8)


def _search(header: _Bytes, step: Callable, first: int) -> Tensor:
    import tensorflow as tf

    _, found = tf.while_loop(
        lambda place, found: (found < 0) & (place < header.size),
        step,
        (tf.constant(first), tf.constant(-1)),
        maximum_iterations=MAX_SEGMENTS,
    )
    return found


def _read_orientation(header: _Bytes, start: Tensor) -> Tensor:
    """Return the orientation in the first directory after a TIFF header."""
    import tensorflow as tf

    is_little = header.equal(start, b"II")
    directory = start + header.integer(start + 4, 4, is_little)
    directory = tf.clip_by_value(directory, 0, header.size)
    count = header.integer(directory, 2, is_little)
    whole = (header.size - directory - 2) // ENTRY_BYTES
    count = tf.maximum(tf.minimum(count, whole), 0)
    entries = tf.reshape(
        header.slice(directory + 2, count * ENTRY_BYTES), (-1, ENTRY_BYTES)
    )

    def pair(column: int) -> Tensor:
        high, low = entries[:, column], entries[:, column + 1]
        return tf.where(is_little, high + 256 * low, 256 * high + low)

    kind = pair(2)
    # The lower two of four bytes are enough for small numbers.
    lower_half = lambda column: tf.where(
        is_little, pair(column), pair(column + 2)
    )
    value = tf.where(
        tf.equal(kind, BYTE),
        entries[:, 8],
        tf.where(tf.equal(kind, LONG), lower_half(8), pair(8)),
    )
    is_meant = (
        tf.equal(pair(0), ORIENTATION_TAG)
        & tf.equal(lower_half(4), 1)
        & tf.reduce_any(tf.equal(kind[:, None], (BYTE, SHORT, LONG)), axis=1)
    )
    return tf.concat([[UPRIGHT], value[is_meant]], axis=0)[-1]
