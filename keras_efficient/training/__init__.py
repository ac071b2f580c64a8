"""Recipes, fine-tuning and callbacks for Keras' `compile` and `fit`."""

from keras_efficient import deprecation
from keras_efficient.training.anchor_fit import AnchorFit
from keras_efficient.training.anchor_fit import measure_anchor_fit
from keras_efficient.training.callbacks import BestWeights
from keras_efficient.training.callbacks import FollowEpochs
from keras_efficient.training.callbacks import StopOnInterrupt
from keras_efficient.training.callbacks import TerminateOnNaN
from keras_efficient.training.callbacks import Throughput
from keras_efficient.training.checkpoints import EpochCheckpoints
from keras_efficient.training.detection_recipes import EfficientDetSchedule
from keras_efficient.training.detection_recipes import detection_recipe
from keras_efficient.training.detection_recipes import paper_detection_recipe
from keras_efficient.training.epoch_logs import read_logs
from keras_efficient.training.fine_tuning import finetune_classification
from keras_efficient.training.fine_tuning import finetune_detection
from keras_efficient.training.fine_tuning import unfilled_layers
from keras_efficient.training.freezing import adapt_batch_norm_momentum
from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import freeze_except
from keras_efficient.training.freezing import is_pretrained
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.optimizers import DetectionAdamW
from keras_efficient.training.optimizers import DetectionSGD
from keras_efficient.training.recipes import classification_recipe
from keras_efficient.training.recipes import cosine_schedule
from keras_efficient.training.run_directory import RunDirectory
from keras_efficient.training.training_run import FinetuneResult

__all__ = [
    "AnchorFit",
    "BestWeights",
    "DetectionAdamW",
    "DetectionSGD",
    "EfficientDetSchedule",
    "EpochCheckpoints",
    "FinetuneResult",
    "FollowEpochs",
    "RunDirectory",
    "StopOnInterrupt",
    "TerminateOnNaN",
    "Throughput",
    "adapt_batch_norm_momentum",
    "classification_recipe",
    "cosine_schedule",
    "detection_recipe",
    "finetune_classification",
    "finetune_detection",
    "freeze_batch_norm",
    "freeze_except",
    "is_pretrained",
    "measure_anchor_fit",
    "paper_detection_recipe",
    "read_logs",
    "unfilled_layers",
    "unfreeze",
]

__getattr__ = deprecation.renamed(
    __name__,
    {
        "DetectorAdamW": "DetectionAdamW",
        "DetectorResult": "FinetuneResult",
        "DetectorSGD": "DetectionSGD",
        "finetune_classifier": "finetune_classification",
        "finetune_detector": "finetune_detection",
        "quicken_batch_norm": "adapt_batch_norm_momentum",
    },
)
