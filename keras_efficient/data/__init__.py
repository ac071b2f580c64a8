"""Read images and annotations, and batch them for `fit`."""

from keras_efficient import deprecation
from keras_efficient.data.classification_batches import ClassificationBatches
from keras_efficient.data.classification_datasets import ClassificationDataset
from keras_efficient.data.classification_loading import (
    classification_from_arrays,
)
from keras_efficient.data.classification_loading import load_classification
from keras_efficient.data.classification_preprocessing import (
    ClassificationPreprocessing,
)
from keras_efficient.data.detection_batches import DetectionBatches
from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.detection_loading import detection_from_arrays
from keras_efficient.data.detection_loading import load_detection
from keras_efficient.data.duplicate_images import DuplicateImages
from keras_efficient.data.duplicate_images import find_duplicates
from keras_efficient.data.images import load_image
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.records import DetectionRecord
from keras_efficient.data.records import DetectionReport
from keras_efficient.data.samples import DetectionSample
from keras_efficient.data.splits import load_all_splits
from keras_efficient.data.splits import load_splits
from keras_efficient.data.task_recognition import find_task
from keras_efficient.data.transforms.classification_augmentation import (
    ClassificationAugmentation,
)
from keras_efficient.data.transforms.detection_augmentation import (
    DetectionAugmentation,
)
from keras_efficient.data.writers import save_detection

__all__ = [
    "ClassificationAugmentation",
    "ClassificationBatches",
    "ClassificationDataset",
    "ClassificationPreprocessing",
    "ClassificationRecord",
    "ClassificationReport",
    "DetectionAugmentation",
    "DetectionBatches",
    "DetectionDataset",
    "DetectionPreprocessing",
    "DetectionRecord",
    "DetectionReport",
    "DetectionSample",
    "DuplicateImages",
    "classification_from_arrays",
    "detection_from_arrays",
    "find_duplicates",
    "find_task",
    "load_all_splits",
    "load_classification",
    "load_detection",
    "load_image",
    "load_splits",
    "save_detection",
]

__getattr__ = deprecation.renamed(
    __name__,
    {
        "Augmentation": "ClassificationAugmentation",
        "ImagePreprocessing": "ClassificationPreprocessing",
        "ImageRecord": "ClassificationRecord",
        "ReadReport": "ClassificationReport",
        "from_arrays": "classification_from_arrays",
    },
)
