"""Classification of images and detection of objects in images of any size."""

from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import outputs_of
from keras_efficient.inference.classification import classify
from keras_efficient.inference.classification import classify_each
from keras_efficient.inference.detection import detect
from keras_efficient.inference.detection import detect_each
from keras_efficient.inference.predictor import Predictor
from keras_efficient.inference.predictor import predictor_of
from keras_efficient.inference.results import Classification
from keras_efficient.inference.results import Detections

__all__ = [
    "ClassOutputs",
    "Classification",
    "Detections",
    "Predictor",
    "classify",
    "classify_each",
    "detect",
    "detect_each",
    "outputs_of",
    "predictor_of",
]
