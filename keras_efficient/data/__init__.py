"""Pictures on disk or in memory, as batches for `fit`."""

from keras_efficient.data.batches import ClassificationBatches
from keras_efficient.data.datasets import ClassificationDataset
from keras_efficient.data.detection_batches import DetectionBatches
from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.detection_loading import detection_from_arrays
from keras_efficient.data.detection_loading import load_detection
from keras_efficient.data.images import load_image
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.data.loading import from_arrays
from keras_efficient.data.loading import load_classification
from keras_efficient.data.preprocessing import ImagePreprocessing
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.records import ImageRecord
from keras_efficient.data.records import ReadReport
from keras_efficient.data.samples import DetectionSample
from keras_efficient.data.transforms.augmentation import Augmentation
from keras_efficient.data.transforms.detection_augmentation import (
    DetectionAugmentation,
)

__all__ = [
    "Augmentation",
    "ClassificationBatches",
    "ClassificationDataset",
    "DetectionAugmentation",
    "DetectionBatches",
    "DetectionDataset",
    "DetectionPreprocessing",
    "DetectionRecord",
    "DetectionReport",
    "DetectionSample",
    "ImagePreprocessing",
    "ImageRecord",
    "ReadReport",
    "detection_from_arrays",
    "from_arrays",
    "load_classification",
    "load_detection",
    "load_image",
]
