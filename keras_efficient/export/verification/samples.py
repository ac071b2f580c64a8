"""Images that an export is tried on."""

import dataclasses
import io
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.data.images import load_image
from keras_efficient.data.letterbox import DetectionPreprocessing

ORIENTATION_TAG = 0x0112
ROTATED = 6  # The photo has to be turned clockwise by a right angle.


@dataclasses.dataclass(frozen=True)
class Samples:
    """What goes into an exported model, in each of the ways it offers.

    Attributes:
        files: Encoded images, byte strings.
        images: Array `(batch, height, width, 3)`, uint8.
        raw: Array `(batch, *size, 3)`, float32, of the network's own size.
    """

    files: Sequence[bytes]
    images: np.ndarray
    raw: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All as arrays, for `classification_from_arrays` and `numpy.savez`."""
        arrays = {
            f"file_{number}": np.frombuffer(file, "uint8")
            for number, file in enumerate(self.files)
        }
        return {**arrays, "images": self.images, "raw": self.raw}

    @classmethod
    def classification_from_arrays(cls, arrays) -> "Samples":
        """The inverse of `to_arrays`; other arrays are left alone."""
        numbers = range(sum(name.startswith("file_") for name in arrays))
        return cls(
            files=[arrays[f"file_{i}"].tobytes() for i in numbers],
            images=arrays["images"],
            raw=arrays["raw"],
        )


def make_samples(
    size: tuple[int, int],
    photos: Sequence[str | os.PathLike | bytes] = (),
    image_size: tuple[int, int] | None = None,
) -> Samples:
    """Photos where there are some, drawn images where not.

    Args:
        size: `(height, width)` of the network's input.
        photos: Image files: paths, or their bytes.
        image_size: `(height, width)` of `images`. Defaults to that of the
            last photo.

    Returns:
        `Samples`. Of drawn files one is to be enlarged and one to be shrunk;
        the first is transparent, the second says that it lies on its side.

    Example:
    >>> from keras_efficient.export.verification.samples import make_samples
    >>> samples = make_samples((32, 48))
    >>> len(samples.files), samples.raw.shape
    (2, (2, 32, 48, 3))
    """
    files = [_read(photo) for photo in photos] or _draw_files(size)
    image = load_image(files[-1])
    if image_size is not None:
        image = Image.fromarray(image).resize(tuple(image_size)[::-1])
        image = np.asarray(image)
    noise = np.random.default_rng(0).uniform(0, 255, (1, *size, 3))
    smooth = np.asarray(_draw(*size, "RGB"), "float32")[None]
    return Samples(
        files=files,
        images=np.stack([image, image[::-1, ::-1]]),
        raw=np.concatenate([noise.astype("float32"), smooth]),
    )


def fit_image(image, preprocessing, image_size):
    """An image as an export of one fixed size takes it.

    Args:
        image: Array `(height, width, 3)`, uint8.
        preprocessing: That of the export. With `DetectionPreprocessing` the
            image is scaled and filled up at the bottom and the right; else
            cut to the new shape, from the middle, if preprocessing crops, and
            stretched if not.
        image_size: `(height, width)` in pixels, or `None` for any.

    Returns:
        A pair: array `(*image_size, 3)`, uint8; and by what boxes were
        multiplied.
    """
    if image_size is None or image.shape[:2] == tuple(image_size):
        return image, 1.0
    if isinstance(preprocessing, DetectionPreprocessing):
        letterbox = dataclasses.replace(preprocessing, size=image_size)
        pixels, scale = letterbox(image)
        return np.rint(pixels).astype("uint8"), scale
    fraction = None if preprocessing.crop_fraction is None else 1.0
    whole = dataclasses.replace(
        preprocessing, size=image_size, crop_fraction=fraction
    )
    return whole(image), 1.0


def _read(photo):
    if isinstance(photo, bytes):
        return photo
    with open(photo, "rb") as file:
        return file.read()


def _draw_files(size):
    height, width = size
    small = _draw(max(height * 2 // 3, 1), max(width // 2, 1), "RGBA")
    large = _draw(height * 3 // 2 + 7, width * 2 + 5, "RGB")
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = ROTATED
    files = [io.BytesIO(), io.BytesIO()]
    small.save(files[0], "PNG")
    large.save(files[1], "JPEG", quality=90, exif=exif)
    return [file.getvalue() for file in files]


def _draw(height, width, mode):
    """Gradients and shapes without any symmetry."""
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
