"""From images in to named results out."""

from keras_efficient.inference.detecting import detect
from keras_efficient.inference.detections import Detections

__all__ = ["Detections", "detect"]
