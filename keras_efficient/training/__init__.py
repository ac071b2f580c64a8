"""Recipes for `compile` and `fit`; they hide nothing."""

from keras_efficient.training.callbacks import FollowEpochs
from keras_efficient.training.callbacks import Throughput
from keras_efficient.training.checkpoints import EpochCheckpoints
from keras_efficient.training.finetuning import FinetuneResult
from keras_efficient.training.finetuning import finetune_classifier
from keras_efficient.training.freezing import freeze_batch_norm
from keras_efficient.training.freezing import freeze_except
from keras_efficient.training.freezing import unfreeze
from keras_efficient.training.recipes import classification_recipe
from keras_efficient.training.recipes import cosine_schedule

__all__ = [
    "EpochCheckpoints",
    "FinetuneResult",
    "FollowEpochs",
    "Throughput",
    "classification_recipe",
    "cosine_schedule",
    "finetune_classifier",
    "freeze_batch_norm",
    "freeze_except",
    "unfreeze",
]
