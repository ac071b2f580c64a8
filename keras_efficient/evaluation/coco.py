"""Mean average precision as COCO measures it."""

import contextlib
import dataclasses
import importlib
import io
import logging

import numpy as np

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
# Rows and columns of what faster-coco-eval keeps, see `COCOeval.eval`.
IOU_50, IOU_75 = 0, 5
ALL_AREAS, MOST_DETECTIONS = 0, -1
# More curves than these cannot be told from each other.
MAX_CURVES = 10


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


@dataclasses.dataclass(frozen=True)
class COCOResult:
    """What an evaluation gave; `print` shows it as a table.

    Attributes:
        metrics: Dict of COCO's twelve numbers: `"mAP"`, `"mAP50"`,
            `"mAP75"`, `"mAP_small"`, `"mAP_medium"`, `"mAP_large"`, `"AR1"`,
            `"AR10"`, `"AR100"`, `"AR_small"`, `"AR_medium"`, `"AR_large"`; -1
            where there is nothing to measure.
        per_class: A `ClassResult` for each class.
        precision: Array `(10, 101, number of classes)`: precision at overlaps
            of 0.5, 0.55, ... and recalls of 0, 0.01, ...; -1 for a class
            without boxes.
        num_images: Number of images.
    """

    metrics: dict[str, float]
    per_class: tuple[ClassResult, ...]
    precision: np.ndarray
    num_images: int

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        return {
            "metrics": dict(self.metrics),
            "per_class": [dataclasses.asdict(row) for row in self.per_class],
            "num_images": self.num_images,
        }

    def __str__(self):
        width = max([5, *(len(row.name) for row in self.per_class)])
        heads = ("images", "boxes", "AP", "AP50", "AP75", "AR100")
        lines = [" " * width + "".join(f"{head:>8}" for head in heads)]
        rows = [
            (
                row.name,
                row.num_images,
                row.num_boxes,
                (row.ap, row.ap50, row.ap75, row.ar100),
            )
            for row in self.per_class
        ]
        names = ("mAP", "mAP50", "mAP75", "AR100")
        total = tuple(self.metrics[name] for name in names)
        boxes = sum(row.num_boxes for row in self.per_class)
        for name, images, count, values in [
            *rows,
            ("all", self.num_images, boxes, total),
        ]:
            shown = "".join(f"{_shown(value):>8}" for value in values)
            lines.append(f"{name:<{width}}{images:>8}{count:>8}{shown}")
        sizes = ", ".join(
            f"{size} {_shown(self.metrics[f'mAP_{size}'])}"
            for size in ("small", "medium", "large")
        )
        return "\n".join([*lines, f"AP by size: {sizes}"])

    def plot_precision_recall(self, path=None, max_curves=MAX_CURVES):
        """Draws precision over recall at an overlap of 0.5.

        Args:
            path: Where to save the picture. Defaults to `None`: nowhere.
            max_curves: Integer; with more classes only the mean is drawn
                boldly, and the best and the worst are named. Defaults to 10.

        Returns:
            A matplotlib figure.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        try:
            figures = importlib.import_module("matplotlib.figure")
        except ImportError as e:
            raise ImportError(
                'Curves need matplotlib: pip install "keras-efficient[plot]"'
            ) from e
        figure = figures.Figure(figsize=(7, 5), dpi=120)
        axes = figure.subplots()
        self._draw_curves(axes, max_curves)
        axes.set(
            xlim=(0, 1), ylim=(0, 1.03), xlabel="recall", ylabel="precision"
        )
        axes.set_title(f"Overlap 0.5, mAP50 {self.metrics['mAP50']:.3f}")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize=9)
        figure.tight_layout()
        if path is not None:
            figure.savefig(path)
        return figure

    def _draw_curves(self, axes, max_curves):
        recall = np.linspace(0, 1, self.precision.shape[1])
        curves = self.precision[IOU_50]
        measured = [i for i, row in enumerate(self.per_class) if row.ap50 >= 0]
        ranked = sorted(measured, key=lambda i: -self.per_class[i].ap50)
        is_many = len(ranked) > max_curves
        named = ranked[:3] + ranked[-3:] if is_many else ranked
        for i in ranked:
            row = self.per_class[i]
            style = {"color": "0.8", "linewidth": 0.7}
            if i in named:
                style = {"label": f"{row.name} {row.ap50:.3f}"}
            axes.plot(recall, curves[:, i], **style)
        if measured:
            axes.plot(
                recall,
                curves[:, measured].mean(-1),
                color="black",
                linewidth=2.5,
                label=f"mean of {len(measured)} classes",
            )


def _shown(value):
    return "-" if value < 0 else f"{value:.3f}"


def evaluate_coco(dataset, detections):
    """Compares what was found with what is there.

    The matching is that of `faster-coco-eval`, equal to COCO's own code.
    Boxes around crowds are no objects to find, and what is found in them does
    not count against the detector.

    Args:
        dataset: A `data.DetectionDataset`.
        detections: Sequence of `inference.Detections`, or anything with
            `boxes`, `scores` and `labels`, one for each image of the data
            set, in its order.

    Returns:
        A `COCOResult`.

    Raises:
        ValueError: If there are not as many detections as images, or they do
            not fit the classes.

    Example:
    ```python
    result = keras_efficient.evaluation.evaluate_coco(
        dataset, model.detect([r.image for r in dataset.records])
    )
    print(result)
    ```

    Reference:
        - https://cocodataset.org/#detection-eval
    """
    detections = list(detections)
    if len(detections) != len(dataset.records):
        raise ValueError(
            "There must be detections for each image, in the order of the "
            f"data set. Received: {len(detections)} for "
            f"{len(dataset.records)} images"
        )
    rows = _rows(detections, len(dataset.class_names))
    evaluator = _evaluate(_ground_truth(dataset), rows)
    precision = evaluator.eval["precision"]
    recall = evaluator.eval["recall"]
    stats = np.asarray(evaluator.stats, "float64")[: len(METRICS)]
    return COCOResult(
        metrics=dict(zip(METRICS, map(float, stats), strict=True)),
        per_class=_per_class(dataset, precision, recall),
        precision=precision[:, :, :, ALL_AREAS, MOST_DETECTIONS],
        num_images=len(dataset.records),
    )


def _evaluate(truth, rows):
    """Runs the evaluation, silently."""
    # Here, as it takes a second that no other use of the package needs.
    from faster_coco_eval import COCO
    from faster_coco_eval import COCOeval_faster

    logger = logging.getLogger("faster_coco_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            expected = COCO(truth)
            found = expected.loadRes(rows) if rows else _nothing(COCO, truth)
            evaluator = COCOeval_faster(expected, found, iouType="bbox")
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
    finally:
        logger.setLevel(level)
    return evaluator


def _nothing(coco, truth):
    """No detections; an empty list would not be taken."""
    return coco({**truth, "annotations": []})


def _ground_truth(dataset):
    """The data set as COCO has it, images and classes counted from 1."""
    images, annotations = [], []
    for i, record in enumerate(dataset.records):
        height, width = (int(side) for side in record.size)
        images.append({"id": i + 1, "height": height, "width": width})
        sides = record.boxes[:, 2:] - record.boxes[:, :2]
        areas = sides[:, 0] * sides[:, 1]
        areas = areas if record.areas is None else record.areas
        for box, side, label, area, is_crowd in zip(
            record.boxes,
            sides,
            record.labels,
            areas,
            record.is_crowd,
            strict=True,
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": int(label) + 1,
                    "bbox": [*map(float, box[:2]), *map(float, side)],
                    "area": float(area),
                    "iscrowd": int(is_crowd),
                }
            )
    categories = [
        {"id": i + 1, "name": name}
        for i, name in enumerate(dataset.class_names)
    ]
    return {
        "info": {},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _rows(detections, num_classes):
    rows = []
    for i, found in enumerate(detections):
        boxes = np.asarray(found.boxes, "float64").reshape(-1, 4)
        scores = np.asarray(found.scores, "float64")
        labels = np.asarray(found.labels, "int64")
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError(
                "Boxes and scores must be finite numbers. "
                f"Received: others for image {i}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
            raise ValueError(
                f"Labels must lie in [0, {num_classes - 1}], the classes of "
                "the data set; a model with other classes cannot be measured "
                f"on it. Received: labels from {labels.min()} to "
                f"{labels.max()} for image {i}"
            )
        for box, score, label in zip(boxes, scores, labels, strict=True):
            left, top, right, bottom = map(float, box)
            rows.append(
                {
                    "image_id": i + 1,
                    "category_id": int(label) + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "score": float(score),
                }
            )
    return rows


def _per_class(dataset, precision, recall):
    records = dataset.records
    used = [record.labels[~record.is_crowd] for record in records]
    return tuple(
        ClassResult(
            name=name,
            num_images=sum(int((labels == i).any()) for labels in used),
            num_boxes=sum(int((labels == i).sum()) for labels in used),
            ap=_mean(precision[:, :, i, ALL_AREAS, MOST_DETECTIONS]),
            ap50=_mean(precision[IOU_50, :, i, ALL_AREAS, MOST_DETECTIONS]),
            ap75=_mean(precision[IOU_75, :, i, ALL_AREAS, MOST_DETECTIONS]),
            ar100=_mean(recall[:, i, ALL_AREAS, MOST_DETECTIONS]),
        )
        for i, name in enumerate(dataset.class_names)
    )


def _mean(values):
    """Mean of what was measured, -1 where nothing was."""
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0
