"""How good a classifier is, and a detector in the numbers of COCO."""

from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.classification import ClassificationResult
from keras_efficient.evaluation.classification import evaluate_classifier
from keras_efficient.evaluation.coco import evaluate_coco
from keras_efficient.evaluation.coco_metrics import COCOMetrics
from keras_efficient.evaluation.coco_result import ClassResult
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.evaluation.confusion import detection_confusion
from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.evaluation.detector import evaluate_detector

__all__ = [
    "COCOMetrics",
    "COCOResult",
    "ClassResult",
    "ClassificationResult",
    "averaged_weights",
    "detection_confusion",
    "evaluate_classifier",
    "evaluate_coco",
    "evaluate_detector",
    "plot_confusion_matrix",
]
