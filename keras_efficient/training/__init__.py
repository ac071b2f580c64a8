"""Recipes for `compile` and `fit`; they hide nothing."""

from keras_efficient.training.anchor_fit import AnchorFit
from keras_efficient.training.anchor_fit import measure_anchor_fit
from keras_efficient.training.callbacks import FollowEpochs
from keras_efficient.training.callbacks import TerminateOnNaN
from keras_efficient.training.callbacks import Throughput
from keras_efficient.training.checkpoints import EpochCheckpoints
from keras_efficient.training.detection_recipes import EfficientDetSchedule
from keras_efficient.training.detection_recipes import detection_recipe
from keras_efficient.training.detection_recipes import paper_detection_recipe
from keras_efficient.training.detector_finetuning import DetectorResult
from keras_efficient.training.detector_finetuning import finetune_detector
from keras_efficient.training.finetuning import FinetuneResult
from keras_efficient.training.finetuning import finetune_classifier
from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import freeze_except
from keras_efficient.training.freezing import quicken_batch_norm
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.keeping import BestWeights
from keras_efficient.training.keeping import StopOnInterrupt
from keras_efficient.training.optimizers import DetectorAdamW
from keras_efficient.training.optimizers import DetectorSGD
from keras_efficient.training.recipes import classification_recipe
from keras_efficient.training.recipes import cosine_schedule
from keras_efficient.training.runs import read_logs

__all__ = [
    "AnchorFit",
    "BestWeights",
    "DetectorAdamW",
    "DetectorResult",
    "DetectorSGD",
    "EfficientDetSchedule",
    "EpochCheckpoints",
    "FinetuneResult",
    "FollowEpochs",
    "StopOnInterrupt",
    "TerminateOnNaN",
    "Throughput",
    "classification_recipe",
    "cosine_schedule",
    "detection_recipe",
    "finetune_classifier",
    "finetune_detector",
    "freeze_batch_norm",
    "freeze_except",
    "measure_anchor_fit",
    "paper_detection_recipe",
    "quicken_batch_norm",
    "read_logs",
    "unfreeze",
]
