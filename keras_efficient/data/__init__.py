"""Pictures on disk or in memory, as batches for `fit`."""

from keras_efficient.data.batches import ClassificationBatches
from keras_efficient.data.datasets import ClassificationDataset
from keras_efficient.data.images import load_image
from keras_efficient.data.loading import from_arrays
from keras_efficient.data.loading import load_classification
from keras_efficient.data.preprocessing import ImagePreprocessing
from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport
from keras_efficient.data.transforms.augmentation import Augmentation

__all__ = [
    "Augmentation",
    "ClassificationBatches",
    "ClassificationDataset",
    "ImagePreprocessing",
    "ImageRecord",
    "ReadReport",
    "from_arrays",
    "load_classification",
    "load_image",
]
