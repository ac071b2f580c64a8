"""Images on which an export is compared with its model."""

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.data.image_channels import map_channels
from keras_efficient.data.images import load_image
from keras_efficient.types import PathLike

ORIENTATION_TAG = 0x0112
ROTATED = 6  # rotate by 90 degrees clockwise to display


@dataclasses.dataclass(frozen=True)
class Samples:
    """Inputs for each signature of an exported model.

    Attributes:
        files: Encoded images.
        images: Array of shape `(batch, height, width, channels)`, uint8.
        raw: Array of shape `(batch, *size, channels)`, float32, of the size of
            the network's input.
    """

    files: Sequence[bytes]
    images: np.ndarray
    raw: np.ndarray


def make_samples(
    size: tuple[int, int],
    photos: Sequence[PathLike | bytes] = (),
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
) -> Samples:
    """Load photos, or draw images if there are none.

    One of the drawn files is transparent and smaller than the network's input;
    the other is larger and has an EXIF orientation.

    Args:
        size: `(height, width)` of the network's input.
        photos: Sequence of image files: paths, or the contents as bytes.
            Defaults to none.
        image_size: `(height, width)` of `Samples.images`. Defaults to the size
            of the last file.
        channels: Integer, number of channels of the images. Defaults to 3.

    Returns:
        `Samples`.

    Example:
    >>> from keras_efficient.export.verification.samples import make_samples
    >>> samples = make_samples((32, 48))
    >>> len(samples.files), samples.raw.shape
    (2, (2, 32, 48, 3))
    """
    files = [_read(photo) for photo in photos] or _draw_files(size)
    image = _with_channels(load_image(files[-1]), channels)
    if image_size is not None:
        height, width = image_size
        image = map_channels(image, lambda x: x.resize((width, height)))
    noise = np.random.default_rng(0).uniform(0, 255, (1, *size, channels))
    smooth = _with_channels(np.asarray(_draw(*size, "RGB")), channels)[None]
    return Samples(
        files=files,
        images=np.stack([image, image[::-1, ::-1]]),
        raw=np.concatenate([noise, smooth]).astype("float32"),
    )


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Return an image whose channels differ from each other."""
    if channels <= 3:
        return image[..., :channels]
    return image[..., np.arange(channels) % 3] // np.uint8(1 + channels % 2)


def _read(photo: PathLike | bytes) -> bytes:
    if isinstance(photo, bytes):
        return photo
    with open(photo, "rb") as file:
        return file.read()


def _draw_files(size: tuple[int, int]) -> list[bytes]:
    height, width = size
    small = _draw(max(height * 2 // 3, 1), max(width // 2, 1), "RGBA")
    large = _draw(height * 3 // 2 + 7, width * 2 + 5, "RGB")
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = ROTATED
    files = [io.BytesIO(), io.BytesIO()]
    small.save(files[0], "PNG")
    large.save(files[1], "JPEG", quality=90, exif=exif)
    return [file.getvalue() for file in files]


def _draw(height: int, width: int, mode: str) -> Image.Image:
    """Draw gradients and shapes without any symmetry."""
    rows, columns = np.mgrid[:height, :width]
    planes = (rows / height, columns / width, (rows + columns) % 64 / 64)
    planes += (columns / width,) * (len(mode) - 3)
    pixels = np.stack(planes, axis=-1) * 255
    image = Image.fromarray(pixels.astype("uint8"))
    draw = ImageDraw.Draw(image)
    draw.ellipse(
        [width // 8, height // 5, width // 2, height // 2], fill=(230, 60, 20)
    )
    draw.line([0, height, width, height // 3], fill=(20, 90, 240), width=3)
    return image
