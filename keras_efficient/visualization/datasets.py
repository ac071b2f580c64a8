"""Pictures of datasets: sheets of images and histograms."""

from typing import Any

import numpy as np
from PIL import Image

from keras_efficient.data import load_image
from keras_efficient.data.records import joined_names
from keras_efficient.inference.drawing import draw_boxes
from keras_efficient.plotting import new_figure
from keras_efficient.types import PathLike
from keras_efficient.visualization.pictures import pictures_of
from keras_efficient.visualization.pictures import plot_predictions

# Classes shown in a histogram, the most frequent ones.
MAX_CLASSES = 40
# Cells of the map of positions along each side.
CELLS = 32


def plot_dataset(
    dataset: Any,
    path: PathLike | None = None,
    max_images: int = 16,
    seed: int = 0,
) -> Image.Image:
    """Arrange random images of a dataset with their annotations in a grid.

    Args:
        dataset: A `DetectionDataset` or `ClassificationDataset`.
        path: File to save the picture to. Defaults to `None`.
        max_images: Integer, largest number of images. Defaults to 16.
        seed: Integer, seed of their choice. Defaults to 0.

    Returns:
        A PIL image.

    Raises:
        ValueError: If the dataset has no images.

    Example:
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((2, 60, 80, 3), "uint8"), [[[5, 5, 25, 30]], []], [[0], []]
    ... )
    >>> grid = keras_efficient.visualization.plot_dataset(dataset)
    """
    order = np.random.default_rng(seed).permutation(len(dataset.records))
    records = [dataset.records[i] for i in np.sort(order[:max_images])]
    names = dataset.class_names
    images = [load_image(record.image) for record in records]
    if not _has_boxes(dataset):
        captions = [
            joined_names(names[label] for label in record.labels)
            for record in records
        ]
        return plot_predictions(pictures_of(images), path, captions, max_images)
    pictures = [
        draw_boxes(
            image,
            record.boxes,
            [names[label] for label in record.labels],
            record.labels,
        )
        for image, record in zip(images, records, strict=True)
    ]
    captions = [_name(record) for record in records]
    return plot_predictions(pictures, path, captions, max_images)


def plot_statistics(dataset: Any, path: PathLike | None = None) -> Any:
    """Draw histograms of the annotations of a dataset.

    They show the number of annotations of each class and, for detection, the
    sizes of the boxes and of the images in pixels, and a map of the centers of
    the boxes relative to their images.

    Args:
        dataset: A `DetectionDataset` or `ClassificationDataset`.
        path: File to save the figure to. Defaults to `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((2, 60, 80, 3), "uint8"), [[[5, 5, 25, 30]], []], [[0], []]
    ... )
    >>> figure = keras_efficient.visualization.plot_statistics(dataset)
    """
    if not _has_boxes(dataset):
        figure = new_figure((8, 5))
        _plot_classes(figure.subplots(), dataset, "images")
    else:
        figure = new_figure((11, 8))
        (classes, sizes), (positions, images) = figure.subplots(2, 2)
        _plot_classes(classes, dataset, "boxes")
        _plot_sizes(sizes, dataset)
        _plot_positions(positions, dataset)
        _plot_images(images, dataset)
    if path is not None:
        figure.savefig(path)
    return figure


def _has_boxes(dataset: Any) -> bool:
    return hasattr(dataset.report, "num_boxes")


def _name(record: Any) -> str:
    if isinstance(record.image, np.ndarray):
        return str(record.image_id)
    return getattr(record.image, "name", str(record.image))


def _plot_classes(axes: Any, dataset: Any, unit: str) -> None:
    counts = dataset.report.class_counts
    rows = sorted(counts.items(), key=lambda row: -row[1])
    rows = rows[:MAX_CLASSES][::-1]
    axes.barh([name for name, _ in rows], [count for _, count in rows])
    rest = len(counts) - len(rows)
    more = f", the first {len(rows)} of {len(counts)} classes" if rest else ""
    axes.set_xlabel(f"{unit}{more}")
    axes.set_title(f"{unit.capitalize()} of each class")


def _plot_sizes(axes: Any, dataset: Any) -> None:
    boxes = _all_boxes(dataset)
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    axes.hist(sides, bins=40)
    axes.set_xlabel("square root of the area in pixels")
    axes.set_ylabel("boxes")
    axes.set_title("Sizes of boxes")


def _plot_positions(axes: Any, dataset: Any) -> None:
    boxes = _all_boxes(dataset)
    counts = [len(record.boxes) for record in dataset.records]
    sizes = np.repeat([record.size for record in dataset.records], counts, 0)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 / sizes[:, ::-1]
    axes.hist2d(*centers.T, bins=CELLS, range=[[0, 1], [0, 1]])
    axes.invert_yaxis()
    axes.set_xlabel("center, fraction of the width")
    axes.set_ylabel("center, fraction of the height")
    axes.set_title("Positions of boxes")


def _plot_images(axes: Any, dataset: Any) -> None:
    sizes = np.array([record.size for record in dataset.records])
    axes.scatter(sizes[:, 1], sizes[:, 0], s=12, alpha=0.5)
    axes.set_xlabel("width in pixels")
    axes.set_ylabel("height in pixels")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_title("Sizes of images")


def _all_boxes(dataset: Any) -> np.ndarray:
    return np.concatenate([record.boxes for record in dataset.records])
