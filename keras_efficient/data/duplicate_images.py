"""Images that occur twice, found by perceptual hashes."""

import concurrent.futures
import dataclasses
import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from keras_efficient.data.images import load_image

# Bits of a hash of 64 that may differ between copies of one image that were
# compressed or resized.
MAX_DISTANCE = 4
# Images are decoded at about this side before they are hashed.
HASHED_SIDE = 128
# Rows of the matrix of distances that are computed at once.
CHUNK = 1024


@dataclasses.dataclass(frozen=True)
class DuplicateImages:
    """Two images that look the same.

    Attributes:
        first: Index of the record in the first dataset.
        second: Index of the record in the second dataset.
        distance: Integer, number of different bits in their hashes of 64 bits.
    """

    first: int
    second: int
    distance: int


def find_duplicates(
    first: Any, second: Any, max_distance: int = MAX_DISTANCE
) -> list[DuplicateImages]:
    """Find images of one dataset that occur in another.

    A validation set that shares images with the training set overestimates
    the accuracy. Images are compared by a perceptual hash of 64 bits, which
    changes little if an image is compressed or resized.

    Args:
        first: A `DetectionDataset` or `ClassificationDataset`.
        second: Another one.
        max_distance: Integer from 0 to 64, number of bits that may differ.
            Defaults to 4.

    Returns:
        A list of `DuplicateImages` in the order of `first`, with at most one
        for each of its images: the nearest image of `second`.

    Raises:
        ImportError: If the package `imagehash` is not installed.

    Example:
    ```python
    train, validation = keras_efficient.data.load_splits("cells")
    pairs = keras_efficient.data.find_duplicates(validation, train)
    ```
    """
    hashes = [
        hash_images([r.image for r in x.records]) for x in (first, second)
    ]
    found = []
    for start in range(0, len(hashes[0]), CHUNK):
        part = hashes[0][start : start + CHUNK, None]
        distances = np.bitwise_count(part ^ hashes[1][None])
        if not distances.size:
            continue
        nearest = distances.argmin(axis=1)
        for i, j in enumerate(nearest):
            if distances[i, j] <= max_distance:
                found.append(
                    DuplicateImages(start + i, int(j), int(distances[i, j]))
                )
    return found


def hash_images(images: Sequence[Any]) -> np.ndarray:
    """Return the perceptual hashes of images.

    Args:
        images: Sequence of paths or uint8 arrays.

    Returns:
        A uint64 array of shape `(number,)`.

    Raises:
        ImportError: If the package `imagehash` is not installed.
    """
    imagehash = _imagehash()

    def hash_one(image: Any) -> int:
        pixels = load_image(
            image, lambda height, width: min(height, width) / HASHED_SIDE
        )
        bits = imagehash.phash(Image.fromarray(pixels)).hash.reshape(-1)
        return int.from_bytes(np.packbits(bits).tobytes(), "big")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.array(list(pool.map(hash_one, images)), "uint64")


def _imagehash() -> ModuleType:
    try:
        return importlib.import_module("imagehash")
    except ImportError as error:
        raise ImportError(
            "Finding duplicate images needs imagehash. Install it with "
            '`pip install "keras-efficient[check]"`.'
        ) from error
