"""Tests for loading one image from valid and invalid files."""

import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_efficient.data import load_image
from keras_efficient.data.image_files import open_image
from keras_efficient.data.images import ImageFrame
from keras_efficient.data.images import image_frame
from keras_efficient.data.images import upright_size
from tests.data.pictures import write_photo
from tests.marks import on_one_backend

pytestmark = on_one_backend


@pytest.fixture
def photo():
    """5 rows, 8 columns; red grows downwards, green to the right."""
    image = np.zeros((5, 8, 3), "uint8")
    image[..., 0] = np.arange(5)[:, None] * 40
    image[..., 1] = np.arange(8)[None] * 30
    image[..., 2] = 7
    return image


def save(path, image, **options):
    Image.fromarray(image).save(path, **options)
    return path


def test_reads_a_file_its_bytes_and_an_open_image(tmp_path, photo):
    path = save(tmp_path / "a.png", photo)
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        image = load_image(source)
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, photo)


def test_grayscale_becomes_three_equal_channels(tmp_path, photo):
    path = save(tmp_path / "gray.png", photo[..., 0])
    np.testing.assert_array_equal(
        load_image(path), np.repeat(photo[..., :1], 3, axis=-1)
    )


def test_transparency_is_dropped(tmp_path, photo):
    alpha = np.full((5, 8, 1), 0, "uint8")
    path = save(tmp_path / "rgba.png", np.concatenate([photo, alpha], -1))
    np.testing.assert_array_equal(load_image(path), photo)


def test_palette_and_bilevel(tmp_path, photo):
    image = Image.fromarray(photo).convert("P", palette=Image.ADAPTIVE)
    image.save(tmp_path / "palette.png")
    loaded = load_image(tmp_path / "palette.png")
    np.testing.assert_array_equal(loaded, np.array(image.convert("RGB")))
    # A transparency for each color; PIL warns unless it is taken with care.
    image.save(tmp_path / "clear.png", transparency=bytes([0, 255]))
    np.testing.assert_array_equal(load_image(tmp_path / "clear.png"), loaded)
    Image.fromarray(photo[..., 0] > 80).save(tmp_path / "bilevel.png")
    assert set(np.unique(load_image(tmp_path / "bilevel.png"))) == {0, 255}


def test_sixteen_bits_become_eight(tmp_path):
    # The higher 8 bits, as TensorFlow takes them: 255 // 256, 256 // 256, ...
    deep = np.array([[0, 255, 256], [65535, 32767, 1000]], "uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    loaded = load_image(tmp_path / "deep.png")
    assert loaded[..., 0].tolist() == [[0, 0, 1], [255, 127, 3]]
    np.testing.assert_array_equal(loaded[..., 0], loaded[..., 2])


def test_cmyk_jpeg(tmp_path, photo):
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert load_image(tmp_path / "cmyk.jpg").shape == (5, 8, 3)


UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    "ending, options",
    [
        ("png", {}),
        ("webp", {"lossless": True}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        # Lossy: compared with some tolerance.
        ("jpg", {"quality": 95}),
        ("mpo", {"quality": 95}),
        ("avif", {"quality": 95}),
        ("tif", {"compression": "jpeg"}),
    ],
)
def test_orientation_is_applied_once(tmp_path, orientation, ending, options):
    image = np.zeros((32, 64, 3), "uint8")
    image[:16, :32, 0], image[16:, :32, 1], image[:16, 32:, 2] = 250, 240, 230
    upright = UPRIGHT[orientation](image)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"turned.{ending}", image, exif=exif, **options)
    loaded = load_image(path)
    assert loaded.shape == upright.shape
    assert np.abs(loaded.astype("int") - upright).mean() < 4
    for decode in (False, True):
        assert image_frame(path, decode) == ImageFrame(
            upright.shape[:2], (32, 64), orientation
        )
        assert upright_size(path, decode) == upright.shape[:2]
    once = load_image(path, lambda height, width: 2)
    divisor = 2 if ending in ("jpg", "mpo") else 1
    assert once.shape[:2] == tuple(x // divisor for x in upright.shape[:2])


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_unknown_orientations_are_upright(tmp_path, photo, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "odd.png", photo, exif=exif)
    np.testing.assert_array_equal(load_image(path), photo)
    assert image_frame(path) == ImageFrame((5, 8), (5, 8))


# Turned by a quarter, and a width (0x100) that is no whole number: PIL can
# read that, but not write it back.
ODD_EXIF = (
    b"Exif\0\0MM\0*\0\0\0\x08\0\x02"
    b"\x01\x00\0\x0b\0\0\0\x01\x3f\xc0\0\0"
    b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    b"\0\0\0\0"
)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize(
    "exif, shape",
    [
        (b"Exif\0\0no numbers", (5, 8, 3)),
        (b"Exif\0\0MM\0*", (5, 8, 3)),
        (ODD_EXIF, (8, 5, 3)),
    ],
)
def test_broken_exif_data_is_ignored(tmp_path, photo, exif, shape, ending):
    path = save(tmp_path / f"noted.{ending}", photo, exif=exif)
    assert load_image(path).shape == shape


def test_threads_do_not_change_warning_filters(tmp_path, photo):
    path = save(tmp_path / "a.png", photo)
    before = list(warnings.filters)
    # Two threads, the second of which begins and ends later.
    first, second = open_image(path), open_image(path)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    "reduction, expected", [(1, 1), (1.9, 1), (2, 2), (7.9, 4), (100, 8)]
)
def test_jpeg_files_are_decoded_smaller_where_allowed(
    tmp_path, reduction, expected
):
    whole = write_photo(tmp_path / "a.jpg", 48, 80, quality=95)
    image = load_image(tmp_path / "a.jpg", lambda height, width: reduction)
    assert image.shape == (48 // expected, 80 // expected, 3)
    # Each pixel is the mean of those that it stands for.
    blocks = whole.reshape(48 // expected, expected, 80 // expected, -1, 3)
    difference = image - blocks.mean((1, 3))
    assert np.abs(difference).mean() < 4


def test_reduction_receives_the_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    asked = []

    def twice(height, width):
        asked.append((height, width))
        return 2

    write_photo(tmp_path / "turned.jpg", 48, 80, exif=exif)
    assert load_image(tmp_path / "turned.jpg", twice).shape == (40, 24, 3)
    assert asked == [(80, 48)]
    write_photo(tmp_path / "other.png", 48, 80)
    assert load_image(tmp_path / "other.png", twice).shape == (48, 80, 3)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7])
def test_truncated_files_are_named(tmp_path, kept):
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3), "uint8")
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "jpeg")
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole.getvalue()[: int(kept * len(whole.getvalue()))])
    reason = "is empty" if kept == 0 else "is not a complete image"
    for max_reduction in (None, lambda height, width: 8):
        with pytest.raises(ValueError, match=f"cut.jpg {reason}"):
            load_image(path, max_reduction)


def test_other_files_and_missing_files(tmp_path):
    path = tmp_path / "text.jpg"
    path.write_text("this is no image")
    with pytest.raises(ValueError, match="text.jpg is not an image"):
        load_image(path)
    with pytest.raises(FileNotFoundError, match="No such image: .*gone"):
        load_image(tmp_path / "gone.jpg")
    with pytest.raises(ValueError, match="the given bytes is empty"):
        load_image(b"")
    with pytest.raises(ValueError, match="the given bytes .*known format"):
        load_image(b"this is no image")


def test_disk_errors_are_not_reported_as_broken_images(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        load_image(tmp_path)


def test_far_too_large_images_are_errors(tmp_path, photo, monkeypatch):
    path = save(tmp_path / "a.png", photo)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)  # the photo has 40
    # PIL itself warns between its limit and twice of it.
    for action in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            with pytest.raises(ValueError, match="a.png has too many pixels"):
                load_image(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    with pytest.raises(ValueError, match="too many pixels.*MAX_IMAGE_PIXELS"):
        load_image(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert load_image(path).shape == (5, 8, 3)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((4, 6, 3), "float32"), "uint8.*dtype=float32"),
        (np.zeros((4, 6, 2), "uint8"), r"1, 3 or 4.*shape=\(4, 6, 2\)"),
        (np.zeros((1, 4, 6, 3), "uint8"), r"shape=\(1, 4, 6, 3\)"),
        (np.zeros((0, 6, 3)), r"shape=\(0, 6, 3\)"),
    ],
)
def test_arrays_that_are_not_images_are_errors(array, message):
    with pytest.raises(ValueError, match=message):
        load_image(array)


@pytest.mark.parametrize(
    "array, cure",
    [
        (np.full((4, 6, 3), 0.5), "(255 * image).round().astype('uint8')"),
        (np.full((4, 6, 3), 99.5), "image.round().astype('uint8')"),
        (np.full((4, 6, 3), 99), "image.round().astype('uint8')"),
        (np.ones((4, 6), bool), "255 * image.astype('uint8')"),
        (np.full((4, 6), 1000), "Scale the values of black and white"),
        (np.full((4, 6), -0.5), "Scale the values of black and white"),
    ],
)
def test_arrays_of_other_types_state_what_to_do(array, cure):
    with pytest.raises(ValueError) as error:
        load_image(array)
    message = str(error.value).replace('"', "'")
    assert cure in message and f"dtype={array.dtype}" in message
    if "round" in cure:
        scale = 255 if array.max() <= 1 else 1
        converted = (scale * array).round().astype("uint8")
        assert load_image(converted).max() in (100, 99, 128)


def test_zeros_and_ones_that_should_be_pixels():
    image = np.zeros((40, 50, 3), "uint8")
    load_image(image)  # black is black
    image[7, 9] = 1
    with pytest.warns(UserWarning, match="Multiply by 255"):
        load_image(image)
    image[7, 10] = 2
    load_image(image)


# Formats that PIL writes and opens, but that are no formats of photos.
@pytest.mark.parametrize(
    "form", ["EPS", "ICO", "PCX", "SGI", "IM", "MSP", "XBM", "DDS"]
)
def test_other_formats_are_not_opened(tmp_path, monkeypatch, form):
    def start(*args, **kwargs):
        raise AssertionError("a program was started")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", start)
    mode = "1" if form in ("MSP", "XBM") else "L"
    path = tmp_path / "photo.jpg"
    Image.new("RGB" if form == "DDS" else mode, (8, 8)).save(path, form)
    Image.open(path).close()
    with pytest.raises(ValueError, match="not an image of a known format"):
        load_image(path)
    with pytest.raises(ValueError, match="not an image of a known format"):
        image_frame(path.read_bytes(), decode=True)


@pytest.mark.parametrize(
    "form", ["JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "TGA"]
)
def test_known_formats_are_opened_by_any_name(tmp_path, photo, form):
    path = tmp_path / "photo.jpg"
    Image.fromarray(photo).save(path, form)
    assert load_image(path).shape == photo.shape


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_read(tmp_path):
    path = tmp_path / "photo.jpg"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="photo.jpg is a pipe or a device"):
        load_image(path)
