"""Accuracy of classification models and COCO metrics of detection models."""

from keras_efficient import deprecation
from keras_efficient.evaluation.averaged_weights import averaged_weights
from keras_efficient.evaluation.classification import ClassificationResult
from keras_efficient.evaluation.classification import evaluate_classification
from keras_efficient.evaluation.coco import evaluate_coco
from keras_efficient.evaluation.coco_metrics import COCOMetrics
from keras_efficient.evaluation.coco_result import ClassResult
from keras_efficient.evaluation.coco_result import COCOResult
from keras_efficient.evaluation.confusion import detection_confusion
from keras_efficient.evaluation.detection import evaluate_detection
from keras_efficient.evaluation.multi_label import MultiLabelResult

__all__ = [
    "COCOMetrics",
    "COCOResult",
    "ClassResult",
    "ClassificationResult",
    "MultiLabelResult",
    "averaged_weights",
    "detection_confusion",
    "evaluate_classification",
    "evaluate_coco",
    "evaluate_detection",
]

__getattr__ = deprecation.renamed(
    __name__,
    {
        "evaluate_classifier": "evaluate_classification",
        "evaluate_detector": "evaluate_detection",
        "plot_confusion_matrix": "visualization.plot_confusion_matrix",
    },
)
