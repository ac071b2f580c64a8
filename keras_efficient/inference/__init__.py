"""From images in to named results out."""

from keras_efficient.inference.classifying import Classification
from keras_efficient.inference.classifying import classify
from keras_efficient.inference.classifying import classify_each
from keras_efficient.inference.detecting import detect
from keras_efficient.inference.detecting import detect_each
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
