"""Tests for images with more than 8 bits, which become neither black nor white.

Each file stores an image of 8 bits in some other way; loading returns it.
"""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import load_image
from keras_efficient.data.images import image_frame
from tests.data.deep_files import FLOAT
from tests.data.deep_files import SHORT
from tests.data.deep_files import png_bytes
from tests.data.deep_files import ppm_bytes
from tests.data.deep_files import tiff_bytes
from tests.marks import on_one_backend

pytestmark = on_one_backend

SIGNED_SHORT = 8
# Tags of TIFF files.
LARGEST, LARGEST_OF_TYPE, SMALLEST_OF_TYPE = 281, 341, 340


def photo(channels):
    """8 rows, 6 columns, values from 1 to 255, of which only one is 255."""
    values = np.arange(8 * 6 * channels) * 251 % 229 + 1
    values[0] = 255
    return values.astype("uint16").reshape(8, 6, channels)


def colors(image):
    return np.broadcast_to(image, (*image.shape[:2], 3)).astype("uint8")


def pillow(image, ending, **options):
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, ending, **options)
    return file.getvalue()


WRITERS = {
    "gray.png": lambda x: pillow(x, "png"),
    "gray and alpha.png": lambda x: png_bytes(np.repeat(x, 2, -1)),
    "color.png": png_bytes,
    "color and alpha.png": lambda x: png_bytes(
        np.concatenate([x, x[..., :1]], -1)
    ),
    "gray.tif": lambda x: pillow(x, "tiff"),
    "gray, lzw.tif": lambda x: pillow(x, "tiff", compression="tiff_lzw"),
    "color.tif": tiff_bytes,
    "color, big.tif": lambda x: tiff_bytes(x, ">"),
    "color, compressed.tif": lambda x: tiff_bytes(x, is_compressed=True),
    "color, big, compressed.tif": lambda x: tiff_bytes(x, ">", True),
    "gray, 32 bits.tif": lambda x: pillow(x.astype("int32"), "tiff"),
    "gray, unsigned.tif": lambda x: tiff_bytes(x.astype("uint32")),
    "gray, signed.tif": lambda x: tiff_bytes(x.astype("int16")),
    "gray, float.tif": lambda x: pillow(x.astype("float32"), "tiff"),
    "gray, float, big.tif": lambda x: tiff_bytes(x.astype("float32"), ">"),
    "gray.jp2": lambda x: pillow(x, "jpeg2000"),
    "gray.pgm": lambda x: ppm_bytes(x, 65535),
    "color.ppm": lambda x: ppm_bytes(x, 65535),
}


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("name", WRITERS)
def test_fewer_bits_than_the_file_has(name, bits):
    image = photo(3 if name.startswith("color") else 1)
    if bits > 8:
        image[0, 0, 0] = 255
    file = WRITERS[name](image << (bits - 8))
    if "float" in name and bits == 8:  # as usual
        loaded = load_image(file)
    else:
        with pytest.warns(UserWarning, match=f"Taken for {bits} bits, from"):
            loaded = load_image(file)
    np.testing.assert_array_equal(loaded, colors(image))
    assert f"scaled from {bits} bits" in image_frame(file, decode=True).note
    assert "more than 8 bits" in image_frame(file).note


@pytest.mark.parametrize(
    "name", [x for x in WRITERS if "float" not in x and "signed" not in x]
)
def test_all_bits_of_the_file_are_reduced_without_a_warning(name):
    image = photo(3 if name.startswith("color") else 1)
    file = WRITERS[name](image << 8 | 77)
    np.testing.assert_array_equal(load_image(file), colors(image))
    note = image_frame(file, decode=True).note
    assert note == "images of more than 8 bits, scaled from 16 bits"


def test_floats_in_the_unit_interval():
    image = photo(1)
    for order in "<>":
        file = tiff_bytes((image / 255).astype("float32"), order)
        np.testing.assert_array_equal(load_image(file), colors(image))
        note = image_frame(file, decode=True).note
        assert note == "images of more than 8 bits, scaled from [0, 1]"
    # Also where no pixel is white, and where rounding exceeds 1.
    dark = tiff_bytes((image / 510).astype("float32"))
    assert load_image(dark).max() == 128
    over = tiff_bytes((image / 255 * 1.0005).astype("float32"))
    np.testing.assert_array_equal(load_image(over), colors(image))


@pytest.mark.parametrize(
    "values, message",
    [
        (np.float32([[0.1, 1.3]]), r"from 0.1 to 1.3, neither in \[0, 1\]"),
        (np.float32([[-0.5, 0.5]]), "from -0.5 to 0.5.*SMinSampleValue"),
        (np.float32([[0, 70000]]), "from 0 to 70000.*value_range"),
        (np.float32([[0, np.nan]]), "NaN or infinite, 1 of 2"),
        (np.float32([[np.inf, np.nan]]), "NaN or infinite, 2 of 2"),
        (np.int32([[0, 70000]]), "from 0 to 70000"),
        (np.int16([[-1000, 3000]]), "from -1000 to 3000"),
        (np.int8([[-100, 100]]), "from -100 to 100"),
        (np.uint32([[0, 2**32 - 1]]), r"from 0 to 4.29497e\+09"),
    ],
)
def test_unknown_ranges_are_errors(tmp_path, values, message):
    path = tmp_path / "odd.tif"
    path.write_bytes(tiff_bytes(values[..., None]))
    with pytest.raises(ValueError, match=f"odd.tif has .*{message}"):
        load_image(path)
    with pytest.raises(ValueError, match=message):
        image_frame(path, decode=True)
    if values.dtype != "int8" and np.isfinite(values).all():
        low, high = values.min(), values.max()
        loaded = load_image(path, value_range=(low, high))
        assert loaded[0, [0, 1], 0].tolist() in ([0, 255], [255, 0])


@pytest.mark.parametrize(
    "file, expected",
    [
        # A sensor of 12 bits that shows no bright pixel.
        (tiff_bytes(np.uint16([[[512]]]), tags=[(LARGEST, SHORT, [4095])]), 32),
        (png_bytes(np.uint16([[[512]]]), significant_bits=12), 32),
        (png_bytes(np.uint16([[[512] * 3]]), significant_bits=12), 32),
        # Scaled to 16 bits, as the standard of PNG wants it.
        (png_bytes(np.uint16([[[512 << 4]]]), significant_bits=12), 32),
        (ppm_bytes(np.uint16([[[512] * 3]]), 4095), 32),
        (ppm_bytes(np.uint16([[[512]]]), 4095), 32),
        # Kelvin, and Hounsfield units.
        (
            tiff_bytes(
                np.float32([[[300.0]]]),
                tags=[
                    (SMALLEST_OF_TYPE, FLOAT, [250.0]),
                    (LARGEST_OF_TYPE, FLOAT, [350.0]),
                ],
            ),
            128,
        ),
        (
            tiff_bytes(
                np.int16([[[0]]]),
                tags=[
                    (SMALLEST_OF_TYPE, SIGNED_SHORT, [-1000]),
                    (LARGEST_OF_TYPE, SIGNED_SHORT, [1000]),
                ],
            ),
            128,
        ),
    ],
    ids=[
        *("tiff", "png", "color.png", "scaled.png", "ppm", "pgm"),
        *("kelvin", "hounsfield"),
    ],
)
def test_ranges_that_the_file_states(file, expected):
    assert load_image(file)[0, 0].tolist() == [expected] * 3
    assert "guessed" not in image_frame(file, decode=True).note


def test_stated_ranges_that_are_exceeded_are_ignored():
    file = tiff_bytes(np.uint16([[[4000]]]), tags=[(LARGEST, SHORT, [255])])
    with pytest.warns(UserWarning, match="Taken for 12 bits"):
        assert load_image(file).max() == 4000 >> 4


def test_the_range_that_is_passed_comes_first():
    image = photo(1)
    file = pillow(image << 4, "png")
    dark = load_image(file, value_range=(0, 65535))
    np.testing.assert_array_equal(dark, colors(image >> 4))
    # Values outside are clipped.
    bright = load_image(file, value_range=(0, 1023))
    np.testing.assert_array_equal(
        bright, colors((image * 4).clip(0, 255).astype("uint16"))
    )
    floats = image[..., 0].astype("float32") / 100 - 1
    for source in (floats, Image.fromarray(floats)):
        loaded = load_image(source, value_range=(-1, 1.55))
        np.testing.assert_array_equal(loaded, colors(image))
    # Images of 8 bits are what they are.
    whole = pillow(image.astype("uint8"), "png")
    np.testing.assert_array_equal(
        load_image(whole, value_range=(0, 4095)), colors(image)
    )


@pytest.mark.parametrize(
    "value_range", [(1, 1), (5, 0), (0, np.nan), (0, np.inf), (0, 1, 2)]
)
def test_impossible_ranges(value_range):
    with pytest.raises(ValueError, match="`value_range` must be .low, high."):
        load_image(pillow(photo(1), "png"), value_range=value_range)


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_white_may_be_zero(kind):
    image = photo(1)
    values = (image << 8 | 255).astype(kind)
    if kind == "float32":
        values = (image / 255).astype(kind)
    file = tiff_bytes(values, photometric=0)
    np.testing.assert_array_equal(load_image(file), 255 - colors(image))


def test_inks_of_16_bits():
    image = photo(4)
    with pytest.warns(UserWarning, match="12 bits"):
        loaded = load_image(tiff_bytes(image << 4))
    size = (6, 8)
    inks = Image.frombytes("CMYK", size, image.astype("uint8").tobytes())
    np.testing.assert_array_equal(loaded, np.array(inks.convert("RGB")))


def test_channels_one_after_the_other_are_errors():
    # PIL takes each byte for a pixel.
    file = tiff_bytes(photo(3) << 4, planes=2)
    with pytest.raises(ValueError, match="channels of 16 bits one after"):
        load_image(file)


def test_kinds_that_pil_cannot_decode_are_named(tmp_path):
    path = tmp_path / "double.tif"
    path.write_bytes(tiff_bytes(photo(1).astype("float64")))
    with pytest.raises(ValueError, match="double.tif is a TIFF file of a kind"):
        load_image(path)
    with pytest.raises(ValueError, match="colors of 32 bits"):
        load_image(tiff_bytes(photo(3).astype("float32")))


def test_open_images_are_left_as_they_are(tmp_path):
    image = photo(3)
    path = tmp_path / "deep.png"
    path.write_bytes(png_bytes(image << 4))
    with Image.open(path) as opened:
        for _ in range(2):
            with pytest.warns(UserWarning, match="12 bits"):
                np.testing.assert_array_equal(load_image(opened), colors(image))


def test_images_in_memory():
    image = photo(1)
    floats = Image.fromarray((image[..., 0] / 255).astype("float32"))
    np.testing.assert_array_equal(load_image(floats), colors(image))
    with pytest.raises(ValueError, match="The image has .*from -1 to 1"):
        load_image(Image.fromarray(np.float32([[-1, 1]])))


def test_orientation_of_deep_images():
    image = photo(3) << 8
    for turned in (load_image(tiff_bytes(image, tags=[(274, SHORT, [6])])),):
        np.testing.assert_array_equal(turned, np.rot90(colors(image >> 8), -1))
    file = tiff_bytes(photo(3), tags=[(274, SHORT, [6])])
    with pytest.warns(UserWarning, match="8 bits"):
        turned = load_image(file)
    np.testing.assert_array_equal(turned, np.rot90(colors(photo(3)), -1))
    frame = image_frame(file, decode=True)
    assert (frame.size, frame.stored_size) == ((6, 8), (8, 6))
    assert frame.orientation == 6


def test_each_guess_is_told_once():
    ten, twelve = (pillow(photo(1) << n, "png") for n in (2, 4))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for file in (ten, twelve, ten, twelve):
            load_image(file)
    assert len(told) == 2


def test_the_first_of_several_pages(tmp_path):
    pages = [Image.new("L", (6, 4), value) for value in (40, 90)]
    for ending in ("tif", "gif", "png", "webp"):
        path = tmp_path / f"pages.{ending}"
        pages[0].save(path, save_all=True, append_images=pages[1:])
        assert abs(int(load_image(path).mean()) - 40) < 2
    for decode in (False, True):
        note = image_frame(tmp_path / "pages.tif", decode).note
        assert note == "images of several pages, of which the first is read"


def test_images_of_zeros_and_ones_are_noted():
    mask = np.eye(40, dtype="uint8")[..., None]
    note = image_frame(pillow(mask, "png"), decode=True).note
    assert note == "nearly black images, no pixel above 15 of 255"
    assert image_frame(pillow(mask * 0, "png"), decode=True).note is None
    assert image_frame(pillow(mask * 255, "png"), decode=True).note is None


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "LA", "RGBX"])
def test_other_color_spaces(mode):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    if mode == "LAB":
        # sRGB 200, 100, 50; a and b are stored with an offset of 128.
        other = Image.new("LAB", (16, 16), (137, 128 + 37, 128 + 46))
    else:
        other = image.convert(mode)
    expected = (124,) * 3 if mode == "LA" else (200, 100, 50)
    assert np.abs(load_image(other).astype(int) - expected).max() <= 3
