"""How far the answers of an exported model are from its model's."""

import numpy as np

from keras_efficient.ops import box_iou

# Rows of two detectors are one where their scores and boxes are this near.
SCORE_MARGIN = 0.02
# Share of the longer side of the boxes around what was found.
BOX_MARGIN = 0.02


def difference(expected, found):
    """The largest difference of two answers.

    Args:
        expected: Dict of arrays: `"probabilities"`; or `"class_logits"` and
            `"box_deltas"`; or the rows of detections.
        found: Dict of arrays with at least the same names.

    Returns:
        Float: of probabilities and scores as they are, of outputs of the
        network as a share of the largest, of boxes as a share of the longest
        side of any. NaN where there is one, infinity where a detection has no
        partner.
    """
    if "probabilities" in expected:
        return _largest(expected["probabilities"], found["probabilities"])
    if "class_logits" in expected:
        return float(
            np.max(
                [
                    _largest(values, found[name]) / np.abs(values).max()
                    for name, values in expected.items()
                ]
            )
        )
    return float(
        np.max([0.0, *(_of_rows(*pair) for pair in _by_image(expected, found))])
    )


def coarse_difference(expected, found):
    """`difference` of answers of which one was computed in few digits.

    Small changes of the scores let suppression choose other boxes. So of
    detections only counts whether they have a partner at all, the sure ones
    more.

    Args:
        expected: As for `difference`.
        found: As for `difference`.

    Returns:
        Float: of detections, the share without a partner of the same class
        that overlaps it by half, weighted with the scores; else as
        `difference`.
    """
    if "scores" not in expected:
        return difference(expected, found)
    alone = total = 0.0
    for pair in _by_image(expected, found):
        for (boxes, scores, labels), others in (pair, pair[::-1]):
            if not np.isfinite(boxes).all() or np.isnan(scores).any():
                return float("nan")
            is_same = others[2][None] == labels[:, None]
            overlaps = np.where(is_same, box_iou(boxes, others[0]), 0.0)
            alone += scores[overlaps.max(axis=1, initial=0.0) < 0.5].sum()
            total += scores.sum()
    return float(alone / total) if total else 0.0


def _largest(expected, found):
    if np.shape(expected) != np.shape(found):
        return float("inf")
    return float(np.abs(np.asarray(found, "float64") - expected).max())


def _by_image(expected, found):
    """Boxes, scores and labels of each image, of one and of the other."""
    for i in range(len(expected["scores"])):
        yield tuple(
            tuple(
                rows[name][i][: int(rows["num_detections"][i])]
                for name in ("boxes", "scores", "labels")
            )
            for rows in (expected, found)
        )


def _of_rows(expected, found):
    """The largest difference between rows and their partners.

    Rows of equal score may stand in either order, and what lies just at the
    end of the list, or at the threshold, may be missing.
    """
    boxes, scores, labels = expected
    other_boxes, other_scores, other_labels = found
    if not len(scores) or not len(other_scores):
        # Only what is barely there may be missing.
        rest = np.concatenate([scores, other_scores])
        return 0.0 if rest.max(initial=0) < 2 * SCORE_MARGIN else float("inf")
    side = max(float((boxes[:, 2:] - boxes[:, :2]).max()), 1.0)
    apart = np.abs(other_boxes[None] - boxes[:, None]).max(-1) / side
    apart = np.maximum(apart, np.abs(other_scores[None] - scores[:, None]))
    apart = np.where(other_labels[None] == labels[:, None], apart, np.inf)
    # NaN must come out as such.
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
