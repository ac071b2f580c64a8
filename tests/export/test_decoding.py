"""Decoding in the graph, compared with `load_image`, which uses PIL."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data.images import load_image
from keras_efficient.export.graph import decoding
from tests.shared import SHARED
from tests.shared import needs_shared
from tests.support.export import tensorflow_only

tf = pytest.importorskip("tensorflow")
pytestmark = tensorflow_only

ORIENTATION = 0x0112
DECODE = tf.function(
    decoding.decode_image, input_signature=[tf.TensorSpec((), tf.string)]
)
FIND = tf.function(
    decoding.find_orientation,
    input_signature=[tf.TensorSpec((), tf.string)],
)


def picture(mode="RGB", size=(51, 37)):
    """Return smooth colored noise, not square."""
    noise = np.random.default_rng(3).integers(0, 256, (7, 9, 4), "uint8")
    image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def encode(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exif_with(orientation, endian="<"):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a maker of cameras"  # before the orientation
    exif[ORIENTATION] = orientation
    exif[0x0131] = "a program"  # after the orientation
    return exif


def check_equal(file):
    np.testing.assert_array_equal(DECODE(file).numpy(), load_image(file))


@pytest.mark.parametrize(
    "mode, options",
    [
        ("RGB", {"quality": 75}),
        ("RGB", {"quality": 97, "subsampling": 0}),
        ("RGB", {"quality": 60, "subsampling": 1}),
        ("RGB", {"quality": 30, "progressive": True}),
        ("L", {"quality": 80}),
        ("CMYK", {"quality": 80}),
    ],
)
def test_jpeg_is_decoded_to_the_last_bit(mode, options):
    check_equal(encode(picture(mode), "JPEG", **options))


@pytest.mark.parametrize("sampling", [0x12, 0x14, 0x41])
def test_rare_color_samplings(sampling):
    # PIL cannot write these. A square image has as many blocks of 1 x 2 as of
    # 2 x 1, so that a changed header results in another valid image.
    written = 1 if sampling == 0x12 else 2
    file = encode(picture(size=(64, 64)), "JPEG", subsampling=written)
    place = file.index(b"\xff\xc0") + 11
    check_equal(file[:place] + bytes([sampling]) + file[place + 1 :])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png_is_decoded_to_the_last_bit(mode):
    check_equal(encode(picture(mode), "PNG"))


def test_png_palette_with_a_transparent_color():
    check_equal(encode(picture("P"), "PNG", transparency=3))


def test_png_of_16_bits_differs_by_one_at_most():
    deep = np.random.default_rng(0).integers(0, 65536, (37, 51), "uint16")
    file = encode(Image.fromarray(deep), "PNG")
    difference = DECODE(file).numpy().astype(int) - load_image(file)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("form", ["GIF", "WEBP", "BMP"])
def test_other_formats_are_decoded(form):
    options = {"lossless": True} if form == "WEBP" else {}
    file = encode(picture("P" if form == "GIF" else "RGB"), form, **options)
    check_equal(file)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_jpeg(orientation, endian):
    file = encode(picture(), "JPEG", exif=exif_with(orientation, endian))
    assert (b"MM" if endian == ">" else b"II") in file[:40]
    assert FIND(file).numpy() == orientation
    check_equal(file)


def test_orientation_rotates_the_image():
    # Orientation 6: the image must be rotated clockwise.
    image = tf.reshape(tf.range(6), (2, 3, 1))  # 0 1 2 / 3 4 5
    turned = decoding.rotate_upright(image, tf.constant(6))
    assert turned[..., 0].numpy().tolist() == [[3, 0], [4, 1], [5, 2]]


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_orientation_of_a_png(orientation):
    file = encode(picture(), "PNG", exif=exif_with(orientation))
    assert FIND(file).numpy() == orientation
    check_equal(file)


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_unknown_orientations_change_nothing(orientation):
    check_equal(encode(picture(), "JPEG", exif=exif_with(orientation)))


def test_exif_is_found_after_other_segments():
    profile = b"\xff\x00\xe1Exif\0\0" * 2000  # looks like EXIF, but is not
    file = encode(picture(), "JPEG", exif=exif_with(8), icc_profile=profile)
    comment = b"\xff\xfe" + struct.pack(">H", 9) + b"comment"
    file = file[:2] + comment + b"\xff\xff" + file[2:]
    assert FIND(file).numpy() == 8
    check_equal(file)


@pytest.mark.parametrize(
    "kind, value, expected",
    [(1, b"\x06\0\0\0", 6), (4, b"\x03\0\0\0", 3), (2, b"5\0\0\0", 1)],
)
def test_orientation_in_other_number_types(kind, value, expected):
    entry = struct.pack("<HHI", ORIENTATION, kind, 1) + value
    file = jpeg_with_tiff(b"II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0")
    assert FIND(file).numpy() == expected


def jpeg_with_tiff(tiff):
    content = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(content)) + content
    file = encode(picture(), "JPEG")
    return file[:2] + segment + file[2:]


def test_damaged_exif_does_not_fail():
    tiff = exif_with(6, ">").tobytes()[6:]
    rng = np.random.default_rng(5)
    whole = DECODE(encode(picture(), "JPEG")).numpy()
    for length in range(0, len(tiff), 3):
        assert FIND(jpeg_with_tiff(tiff[:length])).numpy() not in (
            2,
            3,
            4,
            5,
            7,
            8,
        )
    for _ in range(50):
        damaged = bytearray(tiff)
        damaged[int(rng.integers(len(tiff)))] = int(rng.integers(256))
        FIND(jpeg_with_tiff(bytes(damaged)))
    for tiff in (b"", b"II*\0\xff\xff\xff\xff", b"MM\0*\x7f\xff\xff\xff"):
        image = DECODE(jpeg_with_tiff(tiff)).numpy()
        np.testing.assert_array_equal(image, whole)


@pytest.mark.parametrize("file", [b"", b"\xff", b"\xff\xd8\xff", b"no image"])
def test_invalid_images_fail_only_in_decoding(file):
    assert FIND(file).numpy() == 1
    with pytest.raises(tf.errors.InvalidArgumentError):
        DECODE(file)


@needs_shared
def test_photos_are_decoded_to_the_last_bit():
    photos = sorted((SHARED / "data" / "flowers").rglob("*.jpg"))[::15]
    assert len(photos) > 30
    for photo in photos:
        check_equal(photo.read_bytes())
