"""Check of many image files in threads, with a progress bar."""

import concurrent.futures
import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.data.images import ImageFrame
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
        frame: The size, orientation and notes of the image, or `None` if it
            cannot be read.
        error: The error of reading it, or `None`.
    """

    frame: ImageFrame | None
    error: FileNotFoundError | ValueError | None = None


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
            size = (image.shape[0], image.shape[1])
            return ImageCheck(ImageFrame(size, size))
        try:
            return ImageCheck(image_frame(image, decode=is_decoded))
        except (FileNotFoundError, ValueError) as e:
            return ImageCheck(None, e)

    results: list[ImageCheck] = []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for start in range(0, len(images), CHUNK):
            part = images[start : start + CHUNK]
            results += pool.map(check_one, part)
            if progress is not None:
                progress.add(len(part))
    return results
