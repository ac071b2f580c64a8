"""Comparison of whole answers: from an image file to classes or boxes."""

import dataclasses
from typing import Any

import numpy as np

from keras_efficient.export.errors import ExportMismatchError
from keras_efficient.export.verification.comparison import Arrays
from keras_efficient.export.verification.comparison import coarse_difference
from keras_efficient.export.verification.comparison import difference
from keras_efficient.export.verification.expected_outputs import ExpectedOutputs
from keras_efficient.ops import box_iou

# Two best detections are the same answer from this intersection over union on.
SAME_PLACE = 0.5


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How an export differs from its model.

    Attributes:
        difference: Largest difference of the outputs of the signatures;
            `None` if they were not compared.
        answer_difference: Largest difference of the answers to image files.
        agreement: Share of the files with the same first answer.
    """

    difference: float | None = None
    answer_difference: float | None = None
    agreement: float | None = None


def compare_answers(exported: Any, expected: ExpectedOutputs) -> Comparison:
    """Compare the answers of an export to image files with those of its model.

    Args:
        exported: An `ExportedModel`.
        expected: The answers of the model.

    Returns:
        A `Comparison`, without values if no file has the channels of the
        model.

    Raises:
        ExportMismatchError: If the difference exceeds the tolerance, unless
            the export receives images scaled to another fixed size.
    """
    if expected.answers is None:
        return Comparison()
    files = list(expected.samples.files)
    if "probabilities" in expected.answers:
        found = {"probabilities": exported.predict(files)}
    else:
        found = _rows([exported.detect(file)[0] for file in files])
    is_similar = expected.is_coarse or expected.is_scaled
    measure = coarse_difference if is_similar else difference
    largest = measure(expected.answers, found)
    if not expected.is_scaled and not largest <= expected.tolerance:
        raise ExportMismatchError(
            "From an image file to the answer, the exported model differs from "
            f"the model by {largest:.3g}; at most {expected.tolerance:.3g} is "
            "accepted. Nothing was written."
        )
    pairs = zip(
        _by_file(expected.answers, len(files)),
        _by_file(found, len(files)),
        strict=True,
    )
    same = [_same_first(*pair) for pair in pairs]
    return Comparison(None, largest, float(np.mean(same)))


def _rows(found: list[Any]) -> dict[str, np.ndarray]:
    """Return `Detections` of several images in the form of a network's."""
    numbers = [len(one.scores) for one in found]
    shape = len(found), max([1, *numbers])
    rows = {
        "boxes": np.zeros((*shape, 4), "float32"),
        "scores": np.zeros(shape, "float32"),
        "labels": np.full(shape, -1, "int32"),
        "num_detections": np.array(numbers, "int32"),
    }
    for i, one in enumerate(found):
        for name in ("boxes", "scores", "labels"):
            rows[name][i, : numbers[i]] = getattr(one, name)
    return rows


def _by_file(found: Arrays, number: int) -> list[dict[str, np.ndarray]]:
    return [{k: x[i] for k, x in found.items()} for i in range(number)]


def _same_first(expected: Arrays, found: Arrays) -> bool:
    """Whether the most probable class, or the best detection, is the same."""
    if "probabilities" in expected:
        pair = expected["probabilities"], found["probabilities"]
        if len(pair[0]) == 1:
            return bool((pair[0][0] >= 0.5) == (pair[1][0] >= 0.5))
        return bool(pair[0].argmax() == pair[1].argmax())
    numbers = int(expected["num_detections"]), int(found["num_detections"])
    if not all(numbers):
        return numbers[0] == numbers[1]
    first, second = expected["scores"].argmax(), found["scores"].argmax()
    overlap = box_iou(
        expected["boxes"][first][None], found["boxes"][second][None]
    )
    is_same_class = expected["labels"][first] == found["labels"][second]
    return bool(is_same_class and np.asarray(overlap).item() >= SAME_PLACE)
