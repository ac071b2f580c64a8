"""Grids of pictures: training batches and predictions."""

import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageDraw

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.inference.drawing import draw_boxes
from keras_efficient.inference.fonts import font_for
from keras_efficient.types import PathLike

# Longest side of a picture in a grid, in pixels, large enough to read the names
# that `Detections.plot` writes.
TILE = 512
# Pictures smaller than this are enlarged.
SMALL = 160
GAP = 6
CAPTION_SIZE = 15
GROUND, INK = "white", "black"


def plot_predictions(
    pictures: Iterable[Image.Image],
    path: PathLike | None = None,
    captions: Sequence[str] | None = None,
    max_images: int = 16,
) -> Image.Image:
    """Arrange pictures in a grid, each with an optional caption.

    Args:
        pictures: Sequence of PIL images of any sizes. They are scaled to the
            same longest side, that of the largest picture, at most 512 pixels.
        path: File to save the grid to. Defaults to `None`.
        captions: Sequence of strings, one for each picture. Defaults to
            `None`.
        max_images: Integer, largest number of pictures shown. Defaults to 16.

    Returns:
        A PIL image.

    Raises:
        ValueError: If there are no pictures, or the number of captions
            differs.

    Example:
    >>> found = keras_efficient.inference.Detections(
    ...     boxes=np.array([[10, 20, 60, 90]], "float32"),
    ...     scores=np.array([0.9], "float32"),
    ...     labels=np.array([1], "int32"),
    ... )
    >>> picture = found.plot(image=np.zeros((100, 120, 3), "uint8"))
    >>> grid = keras_efficient.visualization.plot_predictions([picture] * 3)
    >>> grid.size[0] > grid.size[1]
    True
    """
    pictures = list(pictures)
    if not pictures:
        raise ValueError("`pictures` must have at least one picture.")
    if captions is not None and len(captions) != len(pictures):
        raise ValueError(
            "`captions` must have one entry for each picture. Received: "
            f"{len(captions)} captions, {len(pictures)} pictures"
        )
    pictures = pictures[:max_images]
    side = min(TILE, max(max(picture.size) for picture in pictures))
    tiles = [_tile(picture, side) for picture in pictures]
    width = max(tile.width for tile in tiles)
    height = max(tile.height for tile in tiles)
    line = 0 if captions is None else CAPTION_SIZE + 8
    columns = math.ceil(math.sqrt(len(tiles) * (height + line) / width))
    columns = min(max(columns, 1), len(tiles))
    rows = -(-len(tiles) // columns)
    grid = Image.new(
        "RGB",
        (
            columns * (width + GAP) + GAP,
            rows * (height + line + GAP) + GAP,
        ),
        GROUND,
    )
    draw = ImageDraw.Draw(grid)
    for i, tile in enumerate(tiles):
        left = GAP + (i % columns) * (width + GAP)
        top = GAP + (i // columns) * (height + line + GAP)
        grid.paste(tile, (left, top))
        if captions is not None:
            font, text = font_for(str(captions[i]), CAPTION_SIZE)
            text = _fitting(draw, text, font, width)
            draw.text((left + 2, top + tile.height + 2), text, INK, font=font)
    if path is not None:
        grid.save(path)
    return grid


def plot_batch(
    images: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    path: PathLike | None = None,
    max_images: int = 16,
) -> Image.Image:
    """Show a batch as `fit` receives it: augmented, with its labels.

    Args:
        images: Array `(batch, height, width, channels)` or `(batch, 3, height,
            width)` of pixels in `[0, 255]`. Of other numbers of channels than
            1 and 3, the first one or three are shown.
        labels: For classification, integers `(batch,)`, probabilities
            `(batch, num_classes)`, 0 and 1 for any number of classes of an
            image, or `(batch, 1)` for the second of two classes. For detection,
            a dict with `"boxes"`, `(batch, max_boxes, 4)`, `xyxy` in pixels of
            the images, and `"labels"`, `(batch, max_boxes)`, -1 in rows without
            a box.
        class_names: Sequence of strings. Defaults to `None`: the labels are
            used as names.
        path: File to save the picture to. Defaults to `None`.
        max_images: Integer, largest number of images shown. Defaults to 16.

    Returns:
        A PIL image.

    Raises:
        ValueError: If the images do not have such a shape, or there are fewer
            labels than images.

    Example:
    >>> images = np.zeros((4, 32, 48, 3), "float32")
    >>> grid = keras_efficient.visualization.plot_batch(
    ...     images, np.array([0, 1, 1, 0]), ["cat", "dog"]
    ... )
    """
    images = _pixels(images)[:max_images]

    def name(label: Any) -> str:
        return _name(class_names, label)

    if isinstance(labels, Mapping):
        boxes, numbers = (np.asarray(labels[x]) for x in ("boxes", "labels"))
        _check_length(images, boxes)
        pictures = []
        for image, rows, row in zip(images, boxes, numbers, strict=False):
            is_box = row >= 0
            texts = [name(label) for label in row[is_box]]
            pictures.append(draw_boxes(image, rows[is_box], texts, row[is_box]))
        return plot_predictions(pictures, path, None, max_images)
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1 and _has_two(class_names):
        labels = np.concatenate([1 - labels, labels], axis=1)
    _check_length(images, labels)
    captions = [
        name(label) if np.ndim(label) == 0 else _shares(label, name)
        for label in labels[: len(images)]
    ]
    return plot_predictions(pictures_of(images), path, captions, max_images)


def pictures_of(images: Iterable[np.ndarray]) -> list[Image.Image]:
    """Convert arrays to pictures; small ones are enlarged.

    Args:
        images: Uint8 arrays `(height, width, 3)`.

    Returns:
        A list of PIL images.

    Example:
    >>> from keras_efficient.visualization import pictures_of
    >>> pictures_of(np.zeros((1, 32, 32, 3), "uint8"))[0].size
    (160, 160)
    """
    return [_enlarged(Image.fromarray(image)) for image in images]


def _pixels(images: Any) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] != 3 and images.shape[1] == 3:
        images = images.transpose(0, 2, 3, 1)
    is_image = images.ndim == 4 and (
        images.shape[-1] in FILE_CHANNELS
        or 2 * images.shape[-1] < min(images.shape[1:3])
    )
    if not is_image:
        raise ValueError(
            "`images` must be of shape (batch, height, width, channels) or "
            f"(batch, 3, height, width). Received: shape {images.shape}"
        )
    if images.shape[-1] != 3:
        images = images[..., : 3 if images.shape[-1] > 3 else 1]
        images = np.broadcast_to(images, (*images.shape[:3], 3))
    return np.ascontiguousarray(
        np.clip(np.rint(images), 0, 255).astype("uint8")
    )


def _check_length(images: np.ndarray, labels: np.ndarray) -> None:
    if len(labels) < len(images):
        raise ValueError(
            "`labels` must have a row for each image. Received: "
            f"{len(labels)} labels for {len(images)} images"
        )


def _has_two(class_names: Sequence[str] | None) -> bool:
    return class_names is not None and len(class_names) == 2


def _shares(row: np.ndarray, name: Callable[[Any], str]) -> str:
    """Return a caption for probabilities, such as those of mixup."""
    if np.isin(row, (0, 1)).all() and row.sum() != 1:
        # Any number of classes belongs to the image.
        return ", ".join(name(i) for i in np.flatnonzero(row)) or "none"
    order = [i for i in np.argsort(-row, kind="stable")[:2] if row[i] > 0.05]
    if len(order) == 1 or row[order[0]] > 0.85:
        return name(order[0])
    return ", ".join(f"{name(i)} {row[i]:.0%}" for i in order)


def _name(class_names: Sequence[str] | None, label: Any) -> str:
    return str(int(label)) if class_names is None else class_names[int(label)]


def _enlarged(picture: Image.Image) -> Image.Image:
    """Enlarge small pictures, such as those of CIFAR, by an integer."""
    factor = max(1, SMALL // max(picture.size))
    if factor == 1:
        return picture
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)


def _tile(picture: Image.Image, side: int) -> Image.Image:
    scale = side / max(picture.size)
    width, height = (max(1, round(scale * x)) for x in picture.size)
    picture = picture.convert("RGB")
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, font: Any, width: int
) -> str:
    """Cut the end of a text that is too wide."""
    if draw.textlength(text, font=font) <= width - 4:
        return text
    while text and draw.textlength(f"{text}..", font=font) > width - 4:
        text = text[:-1]
    return f"{text}.."
