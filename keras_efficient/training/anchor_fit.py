"""How well the anchors of a detector match the sizes of the objects."""

import dataclasses
import math
from typing import Any

import numpy as np

from keras_efficient.data import DetectionPreprocessing
from keras_efficient.ops import anchor_grids
from keras_efficient.ops import paired_iou

# Intersection over union from which an anchor is trained on a box.
MATCHED = 0.5
# Factors on the scale of the model: with 4 they result in 1, 1.5, 2, 3, 4, 5, 6
# and 8. Ordered by distance, because the first of equally good ones is used.
FACTORS = (1.0, 1.25, 0.75, 1.5, 0.5, 2.0, 0.375, 0.25)
# Squares of this many times the side of the smallest anchor match an anchor
# at most positions between the centers of anchors, which are as far apart.
ENOUGH = 1.5
# A class of which fewer boxes match any anchor is reported.
FEW = 0.5
# Smallest gain in mean coverage for which another scale is recommended.
MARGIN = 0.05


@dataclasses.dataclass(frozen=True)
class AnchorFit:
    """Fraction of the boxes of a data set that have a matching anchor.

    A box without a matching anchor is still trained, at the single nearest
    anchor, but its class is detected less reliably. `print` shows a table.

    Attributes:
        class_names: Names of the classes in the order of their labels.
        num_boxes: Number of boxes of each class without crowds.
        sides: Float array `(classes,)`, median over the boxes of each class
            of the square root of their area, in pixels of the network's
            input; NaN for a class without boxes.
        coverage: Float array `(classes,)`, fraction of the boxes of each class
            with an anchor of at least 0.5 intersection over union; NaN for a
            class without boxes.
        anchor_scale: Float, or a tuple of one float for each level, the scale
            of the model.
        best_scale: The recommended scale; `anchor_scale` if no other is
            clearly better.
        best_coverage: `coverage` with `best_scale`.
        image_size: `(height, width)` of the network's input.
        smallest_scale: The smallest scale that was tried.
        smallest_anchor: Float, square root of the area of the smallest anchor
            with `smallest_scale`, in pixels of the network's input.
    """

    class_names: tuple[str, ...]
    num_boxes: tuple[int, ...]
    sides: np.ndarray
    coverage: np.ndarray
    anchor_scale: float | tuple[float, ...]
    best_scale: float | tuple[float, ...]
    best_coverage: np.ndarray
    image_size: tuple[int, int]
    smallest_scale: float | tuple[float, ...]
    smallest_anchor: float

    @property
    def is_best(self) -> bool:
        """Whether no other scale is clearly better."""
        return self.best_scale == self.anchor_scale

    @property
    def advice(self) -> str:
        """Recommendations, an empty string if there are none."""
        return " ".join(filter(None, [self._scale_advice, self._size_advice]))

    @property
    def _scale_advice(self) -> str:
        if self.is_best:
            return ""
        gains = np.nan_to_num(self.best_coverage - self.coverage)
        worst = int(np.argmax(gains))
        return (
            f"{_shown(100 * self.coverage[worst], '%')} of the boxes of class "
            f"{self.class_names[worst]!r} have an anchor of their size. Build "
            f"the model with anchor_scale={self.best_scale}: "
            f"{_shown(100 * self.best_coverage[worst], '%')} have one then."
        )

    @property
    def _size_advice(self) -> str:
        """What to do for classes without anchors at any scale."""
        shares = np.nan_to_num(self.best_coverage, nan=1.0)
        worst = int(np.argmin(shares))
        if shares[worst] >= FEW:
            return ""
        side = self.sides[worst]
        height, width = self.image_size
        found = (
            f"{_shown(100 * (1 - shares[worst]), '%')} of the boxes of class "
            f"{self.class_names[worst]!r} match no anchor of any scale: their "
            f"median side is {side:.1f} pixels of the {height}x{width} input, "
            f"and the smallest anchor, with "
            f"anchor_scale={self.smallest_scale}, has "
            f"{self.smallest_anchor:.1f}."
        )
        factor = ENOUGH * self.smallest_anchor / side
        if factor <= 1:
            return (
                f"{found} Build the model with `aspect_ratios` that include "
                "the shapes of these boxes."
            )
        factor = math.ceil(2 * factor) / 2
        return (
            f"{found} Train with images {factor:g} times as large, such as "
            f"{round(factor * height)}x{round(factor * width)}, and with "
            f"anchor_scale={self.smallest_scale}, or divide them into tiles."
        )

    def __str__(self):
        rows: list[tuple[str, ...]] = [
            (name, str(count), _shown(side), _shown(100 * share, "%"))
            for name, count, side, share in zip(
                self.class_names,
                self.num_boxes,
                self.sides,
                self.coverage,
                strict=True,
            )
        ]
        rows = [
            ("class", "boxes", "side", f"matched at {self.anchor_scale}"),
            *rows,
        ]
        if not self.is_best:
            shares = [_shown(100 * share, "%") for share in self.best_coverage]
            column = [f"matched at {self.best_scale}", *shares]
            rows = [
                (*row, cell) for row, cell in zip(rows, column, strict=True)
            ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            cells = [
                cell.rjust(width)
                for cell, width in zip(row[1:], widths[1:], strict=True)
            ]
            lines.append("  ".join([row[0].ljust(widths[0]), *cells]))
        return "\n".join([*lines, *filter(None, [self.advice])])


def measure_anchor_fit(
    model: Any, dataset: Any, image_size: tuple[int, int] | None = None
) -> AnchorFit:
    """Compare the anchors of a detector with the boxes of a data set.

    Objects much smaller than the smallest anchor (by default 32 pixels of the
    network's input) are the most frequent reason for a class that is not
    detected. Build the model with another `anchor_scale`, or with a larger
    `input_shape`.

    Args:
        model: An `EfficientDet`.
        dataset: `data.DetectionDataset` or `data.DetectionBatches`. Crowds are
            ignored.
        image_size: Tuple `(height, width)` of the network's input. Defaults to
            that of the model.

    Returns:
        An `AnchorFit`.

    Raises:
        ValueError: If the model accepts images of any size and `image_size` is
            missing.

    Example:
    >>> model = keras_efficient.EfficientDetD0(
    ...     weights=None, backbone_weights=None, input_shape=(128, 128, 3)
    ... )
    >>> cells = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((1, 128, 128, 3), "uint8"), [[[12, 12, 28, 28]]], [[0]]
    ... )
    >>> print(keras_efficient.training.measure_anchor_fit(model, cells))
    class  boxes  side  matched at 4.0  matched at 2.0
    0          1    16              0%            100%
    0% of the boxes of class '0' have an anchor of their size. Build the model \
with anchor_scale=2.0: 100% have one then.
    """
    image_size = model.image_size if image_size is None else image_size
    if None in image_size:
        raise ValueError(
            "This model accepts images of any size. Pass `image_size`, the "
            f"(height, width). Received: image_size={image_size}"
        )
    boxes, labels = _boxes(dataset.records, image_size)
    names = getattr(dataset, "class_names", None) or model.class_names
    names = names or tuple(str(i) for i in range(model.num_classes))
    arguments = model.anchor_arguments
    own = _plain(arguments.pop("anchor_scale"))

    def coverage(scale):
        grids = anchor_grids(image_size, anchor_scale=scale, **arguments)
        is_met = _best_iou(boxes, grids) >= MATCHED
        return _by_class(np.mean, is_met, labels, len(names))

    scales = [_plain(np.multiply(own, factor)) for factor in FACTORS]
    smallest = _plain(np.multiply(own, min(FACTORS)))
    found = {scale: coverage(scale) for scale in scales}
    means = {scale: _mean(shares) for scale, shares in found.items()}
    best = max(means, key=lambda scale: means[scale])
    if means[best] < means[own] + MARGIN:
        best = own
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    return AnchorFit(
        class_names=tuple(names),
        num_boxes=tuple(np.bincount(labels, minlength=len(names)).tolist()),
        sides=_by_class(np.median, sides, labels, len(names)),
        coverage=found[own],
        anchor_scale=own,
        best_scale=best,
        best_coverage=found[best],
        image_size=(image_size[0], image_size[1]),
        smallest_scale=smallest,
        smallest_anchor=min(
            float(np.sqrt(sides.prod(-1)).min())
            for _, _, sides in anchor_grids(
                image_size, anchor_scale=smallest, **arguments
            )
        ),
    )


def _boxes(records, image_size):
    """Return all boxes in pixels of the network's input, and their labels."""
    letterbox = DetectionPreprocessing(tuple(image_size))
    boxes, labels = [np.zeros((0, 4))], [np.zeros(0, "int64")]
    for record in records:
        scale = letterbox.scale(*record.size)
        boxes.append(record.boxes[~record.is_crowd] * scale)
        labels.append(record.labels[~record.is_crowd])
    return np.concatenate(boxes), np.concatenate(labels)


def _best_iou(boxes, grids):
    """Return the largest IoU of each box with any anchor.

    Among anchors of one shape, that with the nearest center has the largest.
    """
    centers = (boxes[:, [1, 0]] + boxes[:, [3, 2]]) / 2
    edges = [boxes[:, i, None] for i in (1, 0, 3, 2)]
    best = np.zeros(len(boxes))
    for counts, strides, sides in grids:
        cells = np.floor(centers / strides).clip(0, np.subtract(counts, 1))
        nearest = ((cells + 0.5) * strides)[:, None]
        low, high = nearest - sides / 2, nearest + sides / 2
        anchors = [*np.moveaxis(low, -1, 0), *np.moveaxis(high, -1, 0)]
        best = np.maximum(best, paired_iou(edges, anchors).max(axis=1))
    return best


def _by_class(function, values, labels, num_classes):
    """Return a number for each class, NaN for classes without boxes."""
    groups = [values[labels == label] for label in range(num_classes)]
    return np.array([function(x) if len(x) else np.nan for x in groups])


def _mean(shares):
    """Return the mean over the classes with boxes, 0 without any."""
    shares = shares[~np.isnan(shares)]
    return shares.mean() if len(shares) else 0.0


def _plain(scale):
    """Return a float, or a tuple of one float for each level."""
    scale = np.asarray(scale, "float64").tolist()
    return tuple(scale) if isinstance(scale, list) else scale


def _shown(value, unit=""):
    return "-" if np.isnan(value) else f"{value:.0f}{unit}"
