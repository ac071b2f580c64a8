"""Losses of detectors, and their targets."""

from keras_efficient.losses.detection import DetectionLoss
from keras_efficient.losses.focal import sigmoid_focal_loss
from keras_efficient.losses.huber import huber_loss
from keras_efficient.losses.iou import iou_loss
from keras_efficient.losses.targets import assign_targets

__all__ = [
    "DetectionLoss",
    "assign_targets",
    "huber_loss",
    "iou_loss",
    "sigmoid_focal_loss",
]
