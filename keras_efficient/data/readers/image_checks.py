"""Check of many image files in threads, with a progress bar."""

import concurrent.futures
import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_efficient.data.images import ImageFrame
from keras_efficient.data.images import image_frame
from keras_efficient.data.records import ClassificationRecord

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


def check_records(
    source: object,
    records: Sequence[ClassificationRecord],
    strict: bool,
    check: str,
) -> tuple[
    tuple[ClassificationRecord, ...],
    tuple[tuple[Any, str], ...],
    dict[str, tuple[int, tuple[str, ...]]],
]:
    """Return the images that can be read, and what the report says of them.

    Args:
        source: Path of the dataset, for messages.
        records: The images of the dataset with their labels.
        strict: Whether an image that cannot be read is an error.
        check: `"decode"` or `"header"`; see `check_images`.

    Returns:
        A tuple `(readable, dropped, noted)`: the records that remain, pairs
        `(image, reason)`, and a dict from a note to `(count, places)`.

    Raises:
        ValueError: If an image cannot be read and `strict` is set.
    """
    results = check_images([record.image for record in records], check)
    readable, dropped = [], []
    noted: dict[str, list[str]] = {}
    for record, result in zip(records, results, strict=True):
        if result.frame is None:
            dropped.append((record.image, str(result.error)))
            continue
        readable.append(record)
        if result.frame.note is not None:
            noted.setdefault(result.frame.note, []).append(str(record.image))
    if dropped and strict:
        raise ValueError(
            f"{len(dropped)} images in {source} cannot be read. The first: "
            f"{dropped[0][1]}. Remove them, or pass strict=False to drop them."
        )
    notes = {note: (len(x), tuple(x)) for note, x in noted.items()}
    return tuple(readable), tuple(dropped), notes
