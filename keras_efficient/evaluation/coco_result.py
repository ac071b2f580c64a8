"""Result of an evaluation with COCO metrics: numbers, table and curves."""

import dataclasses
from typing import Any

import numpy as np

from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.plotting import new_figure
from keras_efficient.types import Axes
from keras_efficient.types import Figure
from keras_efficient.types import PathLike

METRICS = (
    "mAP",
    "mAP50",
    "mAP75",
    "mAP_small",
    "mAP_medium",
    "mAP_large",
    "AR1",
    "AR10",
    "AR100",
    "AR_small",
    "AR_medium",
    "AR_large",
)
# Row of `precision` for an IoU of 0.5.
IOU_50 = 0
# Number of curves that have a color and a name.
MAX_CURVES = 10
# With more classes, number of best and of worst classes that are named.
NUM_NAMED = 3


@dataclasses.dataclass(frozen=True)
class ClassResult:
    """Metrics of one class; -1 if it has no boxes.

    Attributes:
        name: Name of the class.
        num_images: Number of images in which it occurs.
        num_boxes: Number of its boxes, without boxes around crowds.
        ap: Average precision, mean over IoU thresholds of 0.5 to 0.95.
        ap50: Average precision at an IoU threshold of 0.5.
        ap75: Average precision at an IoU threshold of 0.75.
        ar100: Average recall with at most 100 detections per image.
    """

    name: str
    num_images: int
    num_boxes: int
    ap: float
    ap50: float
    ap75: float
    ar100: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class COCOResult:
    """COCO metrics of a model; `print` shows a table.

    Means do not include classes without boxes. Metrics that are undefined, for
    lack of boxes, are -1, in the table "-".

    Attributes:
        metrics: Dict of the twelve COCO metrics: `"mAP"`, `"mAP50"`,
            `"mAP75"`, `"mAP_small"`, `"mAP_medium"`, `"mAP_large"`, `"AR1"`,
            `"AR10"`, `"AR100"`, `"AR_small"`, `"AR_medium"`, `"AR_large"`.
        per_class: A `ClassResult` for each class, in the order of labels.
        precision: Array `(10, 101, num_classes)`: precision at the IoU
            thresholds 0.5, 0.55, ... and the recalls 0, 0.01, ...; -1 for a
            class without boxes.
        num_images: Number of images.
        confusion: Array returned by `detection_confusion` with its default
            thresholds, or `None`.
    """

    metrics: dict[str, float]
    per_class: tuple[ClassResult, ...]
    precision: np.ndarray
    num_images: int
    confusion: np.ndarray | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings and lists, suitable for JSON."""
        return {
            "metrics": dict(self.metrics),
            "per_class": [dataclasses.asdict(row) for row in self.per_class],
            "num_images": self.num_images,
            "confusion": None
            if self.confusion is None
            else self.confusion.tolist(),
        }

    def __repr__(self) -> str:
        total = ClassResult(
            name="all",
            num_images=self.num_images,
            num_boxes=sum(row.num_boxes for row in self.per_class),
            ap=self.metrics["mAP"],
            ap50=self.metrics["mAP50"],
            ap75=self.metrics["mAP75"],
            ar100=self.metrics["AR100"],
        )
        rows = [*self.per_class, total]
        width = max(len(row.name) for row in rows)
        width = max(width, len("class"))
        heads = ("images", "boxes", "AP", "AP50", "AP75", "AR100")
        lines = [f"{'class':<{width}}" + "".join(f"{h:>8}" for h in heads)]
        for row in rows:
            numbers = (row.ap, row.ap50, row.ap75, row.ar100)
            lines.append(
                f"{row.name:<{width}}{row.num_images:>8}{row.num_boxes:>8}"
                + "".join(f"{_shown(number):>8}" for number in numbers)
            )
        sizes = ", ".join(
            f"{size} {_shown(self.metrics[f'mAP_{size}'])}"
            for size in ("small", "medium", "large")
        )
        return "\n".join([*lines, f"AP by size: {sizes}"])

    def plot_precision_recall(
        self, path: PathLike | None = None, max_curves: int = MAX_CURVES
    ) -> Figure:
        """Draw precision over recall at an IoU threshold of 0.5.

        Args:
            path: File to save the picture to. Defaults to `None`.
            max_curves: Integer; with more classes only the best and the worst
                have colors and names, and the others are gray. Defaults to 10.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        figure = new_figure()
        axes = figure.subplots()
        self._draw_curves(axes, max_curves)
        axes.set(
            xlim=(0, 1.005),
            ylim=(-0.01, 1.03),
            xlabel="Recall",
            ylabel="Precision",
            title="Precision over recall (IoU 0.5)",
        )
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            # Outside the axes, so that it covers no curve.
            axes.legend(
                loc="upper left",
                bbox_to_anchor=(1.01, 1),
                title="AP50",
                alignment="left",
                frameon=False,
            )
        if path is not None:
            figure.savefig(path)
        return figure

    def plot_confusion_matrix(
        self, path: PathLike | None = None, normalize: bool = True
    ) -> Figure:
        """Draw the confusion matrix.

        It counts detections with a score of at least 0.3 and an IoU of at
        least 0.5. Missed boxes and false detections are in the column and the
        row of the background.

        Args:
            path: File to save the picture to. Defaults to `None`.
            normalize: Boolean, whether to write percentages of each row
                instead of counts. Defaults to `True`.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If the result has no confusion matrix.
        """
        if self.confusion is None:
            raise ValueError(
                "The result has no confusion matrix. `evaluate_coco` and "
                "`evaluate_detection` compute one."
            )
        names = [row.name for row in self.per_class]
        return plot_confusion_matrix(self.confusion, names, path, normalize)

    def _draw_curves(self, axes: Axes, max_curves: int) -> None:
        recall = np.linspace(0, 1, self.precision.shape[1])
        curves = self.precision[IOU_50]
        measured = [i for i, row in enumerate(self.per_class) if row.ap50 >= 0]
        ranked = sorted(measured, key=lambda i: -self.per_class[i].ap50)
        named = ranked
        if len(ranked) > max_curves:
            named = [*ranked[:NUM_NAMED], *ranked[NUM_NAMED:][-NUM_NAMED:]]
        for i in ranked:
            if i not in named:
                axes.plot(recall, curves[:, i], color="0.8", linewidth=0.8)
        if len(measured) > 1:
            mean = self.metrics["mAP50"]
            axes.plot(
                recall,
                curves[:, measured].mean(-1),
                color="black",
                linewidth=2.5,
                zorder=3,
                label=f"{mean:.3f}  all {len(measured)} classes",
            )
        for i in named:
            row = self.per_class[i]
            label = f"{row.ap50:.3f}  {row.name}"
            axes.plot(recall, curves[:, i], linewidth=1.5, label=label)


def _shown(number: float) -> str:
    return "-" if number < 0 else f"{number:.3f}"
