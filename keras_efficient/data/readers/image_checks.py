"""Check of many image files in threads, with a progress bar."""

import concurrent.futures
import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.data.images import image_frame

CHECKS = ("decode", "header")
# From this number on, about ten seconds, a bar shows the progress.
MIN_IMAGES_FOR_PROGRESS = 10_000
# Images between two updates of the bar.
CHUNK = 1000


@dataclasses.dataclass(frozen=True)
class ImageCheck:
    """Result of the check of one image.

    Attributes:
        size: `(height, width)` of the upright image in pixels, or `None` if it
            cannot be read.
        error: The error of reading it, or `None`.
        stored_size: `(height, width)` in the file, before EXIF rotation.
            Defaults to `size`.
        orientation: Integer from 1 to 8, the EXIF orientation.
        note: What a user should know about its pixels, or `None`.
    """

    size: tuple[int, int] | None
    error: FileNotFoundError | ValueError | None = None
    stored_size: tuple[int, int] | None = None
    orientation: int = 1
    note: str | None = None

    @property
    def upright(self) -> tuple[int, int]:
        """Size of the upright image, which must be readable."""
        if self.size is None:
            raise ValueError(f"The image cannot be read: {self.error}")
        return self.size

    @property
    def stored(self) -> tuple[int, int]:
        """Size in the file, before EXIF rotation."""
        return self.stored_size or self.upright

    @property
    def is_exchanged(self) -> bool:
        """Whether the rotation exchanges height and width visibly."""
        return self.stored != self.upright


def check_images(images: Sequence[Any], check: str) -> list[ImageCheck]:
    """Measure images and find those that cannot be read.

    Args:
        images: Sequence of paths or arrays.
        check: `"decode"` reads every image, `"header"` only its first bytes.

    Returns:
        A list of `ImageCheck`s in the order of the images.

    Raises:
        ValueError: If `check` is unknown.
    """
    if check not in CHECKS:
        raise ValueError(
            f"`check` must be one of {CHECKS}. Received: check={check!r}"
        )
    is_decoded = check == "decode"
    progress = None
    if is_decoded and len(images) >= MIN_IMAGES_FOR_PROGRESS:
        progress = keras.utils.Progbar(len(images), unit_name="image")

    def check_one(image: Any) -> ImageCheck:
        if isinstance(image, np.ndarray):
            return ImageCheck((image.shape[0], image.shape[1]))
        try:
            frame = image_frame(image, decode=is_decoded)
        except (FileNotFoundError, ValueError) as e:
            return ImageCheck(None, e)
        return ImageCheck(
            frame.size,
            stored_size=frame.stored_size,
            orientation=frame.orientation,
            note=frame.note,
        )

    results: list[ImageCheck] = []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for start in range(0, len(images), CHUNK):
            part = images[start : start + CHUNK]
            results += pool.map(check_one, part)
            if progress is not None:
                progress.add(len(part))
    return results
