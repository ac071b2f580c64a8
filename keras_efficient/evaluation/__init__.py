"""How good a detector is, in the numbers of COCO."""

from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.coco import evaluate_coco
from keras_efficient.evaluation.coco_metrics import COCOMetrics
from keras_efficient.evaluation.coco_result import ClassResult
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.evaluation.detector import evaluate_detector

__all__ = [
    "COCOMetrics",
    "COCOResult",
    "ClassResult",
    "averaged_weights",
    "evaluate_coco",
    "evaluate_detector",
]
