"""From images in to named results out."""

from keras_efficient.inference.classification import Classification
from keras_efficient.inference.classification import classify
from keras_efficient.inference.classification import classify_each
from keras_efficient.inference.detection import detect
from keras_efficient.inference.detection import detect_each
from keras_efficient.inference.detections import Detections
from keras_efficient.inference.predictor import Predictor
from keras_efficient.inference.predictor import predictor_of

__all__ = [
    "Classification",
    "Detections",
    "Predictor",
    "classify",
    "classify_each",
    "detect",
    "detect_each",
    "predictor_of",
]
