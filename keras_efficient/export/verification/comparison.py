"""Comparison of the outputs of an export with those of its model."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import numpy as np

from keras_efficient.export.errors import ExportMismatchError
from keras_efficient.export.verification.expected_outputs import ExpectedOutputs
from keras_efficient.ops import box_iou

# Detections of two models correspond if their scores, and their boxes relative
# to the longest side of any box, differ by less.
SCORE_MARGIN = 0.02
BOX_MARGIN = 0.02
# The same for models of low precision: the boxes overlap by at least this.
COARSE_IOU = 0.5

Arrays: TypeAlias = Mapping[str, np.ndarray]
# Boxes, scores and labels of one image.
_Rows: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def verify(
    signatures: Mapping[str, Callable[[Any], Arrays]],
    expected: ExpectedOutputs,
) -> float:
    """Run an exported model and compare its outputs with the expected ones.

    Args:
        signatures: Dictionary from the names of signatures to functions from
            an array, or a list of encoded images, to a dictionary of arrays.
        expected: The outputs of the model.

    Returns:
        The largest difference.

    Raises:
        ExportMismatchError: If it is larger than the tolerance, or if the
            class names do not belong to the labels.
    """
    samples = expected.samples
    inputs = {
        "serving_default": samples.files,
        "images": samples.images,
        "network": samples.images,
        "raw": samples.raw,
    }
    measure = coarse_difference if expected.is_coarse else difference
    largest = 0.0
    for name, function in signatures.items():
        outputs = function(inputs[name])
        if name == "raw" and expected.is_average:
            found = average_difference(expected.outputs[name], outputs)
        else:
            found = measure(expected.outputs[name], outputs)
        # Written such that NaN is an error.
        if not found <= expected.tolerance:
            raise ExportMismatchError(
                f"The signature {name!r} of the exported model differs from "
                f"the model by {found:.3g}; at most {expected.tolerance:.3g} "
                "is accepted. Nothing was written."
            )
        _check_names(name, outputs, expected.class_names)
        largest = max(largest, found)
    return largest


def difference(expected: Arrays, found: Arrays) -> float:
    """Return the largest difference between two outputs.

    Args:
        expected: Dictionary of arrays: `"probabilities"`; or `"class_logits"`
            and `"box_deltas"`; or `"boxes"`, `"scores"`, `"labels"` and
            `"num_detections"`.
        found: Dictionary of arrays with at least the same keys.

    Returns:
        A float: the absolute difference of probabilities and scores, the
        difference of network outputs relative to the largest of them, and the
        difference of boxes relative to the longest side of any box. NaN if an
        output is NaN, and infinity if a detection has no counterpart.
    """
    if "probabilities" in expected:
        return _largest(expected["probabilities"], found["probabilities"])
    if "class_logits" in expected:
        differences = [
            _largest(values, found[name]) / np.abs(values).max()
            for name, values in expected.items()
        ]
    else:
        differences = [
            _row_difference(*pair) for pair in _images(expected, found)
        ]
    return float(np.max([0.0, *differences]))


def average_difference(expected: Arrays, found: Arrays) -> float:
    """Return the mean over images of the largest difference of each.

    A network in integers may decide differently where a model is undecided,
    so that single images prove nothing.

    Args:
        expected: Dictionary of arrays of a network, as for `difference`.
        found: Dictionary of arrays, as for `difference`.

    Returns:
        A float; NaN if an output is NaN.
    """
    count = len(next(iter(expected.values())))
    return float(
        np.mean(
            [
                difference(
                    {name: x[i : i + 1] for name, x in expected.items()},
                    {name: found[name][i : i + 1] for name in expected},
                )
                for i in range(count)
            ]
        )
    )


def coarse_difference(expected: Arrays, found: Arrays) -> float:
    """Return the difference between outputs of different precision.

    Small changes of the scores change which boxes are suppressed. Detections
    are therefore only required to have a counterpart.

    Args:
        expected: Dictionary of arrays, as for `difference`.
        found: Dictionary of arrays, as for `difference`.

    Returns:
        A float: for detections, the fraction without a counterpart of the same
        class and an intersection over union of at least 0.5, weighted by
        scores; otherwise the result of `difference`.
    """
    if "scores" not in expected:
        return difference(expected, found)
    unmatched = total = 0.0
    for pair in _images(expected, found):
        for (boxes, scores, labels), others in (pair, pair[::-1]):
            if not np.isfinite(boxes).all() or np.isnan(scores).any():
                return float("nan")
            is_same = others[2][None] == labels[:, None]
            overlaps = np.where(is_same, box_iou(boxes, others[0]), 0.0)
            is_alone = overlaps.max(axis=1, initial=0.0) < COARSE_IOU
            unmatched += scores[is_alone].sum()
            total += scores.sum()
    return float(unmatched / total) if total else 0.0


def _check_names(
    signature: str, outputs: Arrays, class_names: tuple[str, ...]
) -> None:
    """Raise an error if labels and names of an export do not agree."""
    is_right = True
    if "class_name" in outputs:
        labels, names = outputs["label"], outputs["class_name"]
        if outputs["probabilities"].shape[1] == len(class_names):
            best = outputs["probabilities"].argmax(axis=-1)
            is_right = np.array_equal(labels, best)
    elif "class_names" in outputs:
        labels, names = outputs["labels"], outputs["class_names"]
    else:
        return
    expected = [
        class_names[label].encode() if label >= 0 else b""
        for label in labels.ravel()
    ]
    if not is_right or names.ravel().tolist() != expected:
        raise ExportMismatchError(
            f"The class names of the signature {signature!r} of the exported "
            f"model do not belong to its labels: {outputs}. Nothing was "
            "written."
        )


def _largest(expected: np.ndarray, found: np.ndarray) -> float:
    if np.shape(expected) != np.shape(found):
        return float("inf")
    return float(np.abs(np.asarray(found, "float64") - expected).max())


def _images(expected: Arrays, found: Arrays) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield the detections of both outputs for each image."""

    def rows(outputs: Arrays, image: int) -> _Rows:
        count = int(outputs["num_detections"][image])
        return (
            outputs["boxes"][image][:count],
            outputs["scores"][image][:count],
            outputs["labels"][image][:count],
        )

    for image in range(len(expected["scores"])):
        yield rows(expected, image), rows(found, image)


def _row_difference(expected: _Rows, found: _Rows) -> float:
    """Return the largest difference between detections of one image.

    Detections of equal score may be in any order, and those near the lowest
    score may be missing.
    """
    boxes, scores, labels = expected
    other_boxes, other_scores, other_labels = found
    if not len(scores) or not len(other_scores):
        # Only detections of low scores may be missing.
        rest = np.concatenate([scores, other_scores])
        return 0.0 if rest.max(initial=0) < 2 * SCORE_MARGIN else float("inf")
    side = max(float((boxes[:, 2:] - boxes[:, :2]).max()), 1.0)
    apart = np.abs(other_boxes[None] - boxes[:, None]).max(-1) / side
    apart = np.maximum(apart, np.abs(other_scores[None] - scores[:, None]))
    apart = np.where(other_labels[None] == labels[:, None], apart, np.inf)
    if not np.isfinite(other_boxes).all() or np.isnan(other_scores).any():
        return float("nan")
    last = max(scores.min(), other_scores.min()) + SCORE_MARGIN
    nearest = [
        near
        for near, score in (
            *zip(apart.min(1), scores, strict=True),
            *zip(apart.min(0), other_scores, strict=True),
        )
        if near < min(SCORE_MARGIN, BOX_MARGIN) or score > last
    ]
    return float(np.max([0.0, *nearest]))
