"""What an evaluation gave: numbers, a table, curves."""

import dataclasses

import numpy as np

from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.plotting import new_figure

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
# The row of `precision` at an overlap of 0.5.
IOU_50 = 0
# More curves than these cannot be told from each other.
MAX_CURVES = 10
# Classes that are named among many, at either end.
NUM_NAMED = 3


@dataclasses.dataclass(frozen=True)
class ClassResult:
    """The numbers of one class; -1 where there is nothing to measure.

    Attributes:
        name: Name of the class.
        num_images: Images in which it occurs.
        num_boxes: Boxes of it, crowds left out.
        ap: Average precision, mean over overlaps of 0.5 to 0.95.
        ap50: The same at an overlap of 0.5.
        ap75: The same at an overlap of 0.75.
        ar100: Average recall with 100 detections an image.
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
    """What an evaluation gave; `print` shows it as a table.

    Means leave out the classes without boxes. -1, in the table "-", stands
    where there is nothing to measure.

    Attributes:
        metrics: Dict of COCO's twelve numbers: `"mAP"`, `"mAP50"`,
            `"mAP75"`, `"mAP_small"`, `"mAP_medium"`, `"mAP_large"`, `"AR1"`,
            `"AR10"`, `"AR100"`, `"AR_small"`, `"AR_medium"`, `"AR_large"`.
        per_class: A `ClassResult` for each class, in the order of labels.
        precision: Array `(10, 101, number of classes)`: precision at overlaps
            of 0.5, 0.55, ... and recalls of 0, 0.01, ...; -1 for a class
            without boxes.
        num_images: Number of images.
        confusion: Array of `detection_confusion` at its thresholds, or
            `None`.
    """

    metrics: dict[str, float]
    per_class: tuple[ClassResult, ...]
    precision: np.ndarray
    num_images: int
    confusion: np.ndarray | None = None

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        return {
            "metrics": dict(self.metrics),
            "per_class": [dataclasses.asdict(row) for row in self.per_class],
            "num_images": self.num_images,
            "confusion": None
            if self.confusion is None
            else self.confusion.tolist(),
        }

    def __repr__(self):
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

    def plot_precision_recall(self, path=None, max_curves=MAX_CURVES):
        """Draws precision over recall at an overlap of 0.5.

        Args:
            path: Where to save the picture. Defaults to `None`: nowhere.
            max_curves: Integer; with more classes than these only the best
                and the worst have colors and names, the others are grey.
                Defaults to 10.

        Returns:
            A matplotlib figure.

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
            title="Precision over recall at an overlap of 0.5",
        )
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            # Beside the curves, which may be anywhere.
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

    def plot_confusion_matrix(self, path=None, normalize=True):
        """Draws which class's objects were taken for which.

        What a score of 0.3 and an overlap of 0.5 find; the background stands
        for what was missed, and for what is not there.

        Args:
            path: Where to save the picture. Defaults to `None`: nowhere.
            normalize: Boolean, percent of each row, or counts. Defaults to
                `True`.

        Returns:
            A matplotlib figure.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If no matrix was counted.
        """
        if self.confusion is None:
            raise ValueError("This result has no confusion matrix.")
        names = [row.name for row in self.per_class]
        return plot_confusion_matrix(self.confusion, names, path, normalize)

    def _draw_curves(self, axes, max_curves):
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


def _shown(number):
    return "-" if number < 0 else f"{number:.3f}"
