"""Pictures of networks, training curves, batches and results."""

from keras_efficient.evaluation.confusion import plot_confusion_matrix
from keras_efficient.visualization.coefficient_search import plot_search
from keras_efficient.visualization.curves import plot_history
from keras_efficient.visualization.datasets import plot_dataset
from keras_efficient.visualization.datasets import plot_statistics
from keras_efficient.visualization.feature_networks import plot_feature_network
from keras_efficient.visualization.pictures import pictures_of
from keras_efficient.visualization.pictures import plot_batch
from keras_efficient.visualization.pictures import plot_predictions
from keras_efficient.visualization.stages import plot_stages

__all__ = [
    "pictures_of",
    "plot_batch",
    "plot_confusion_matrix",
    "plot_dataset",
    "plot_feature_network",
    "plot_history",
    "plot_predictions",
    "plot_search",
    "plot_stages",
    "plot_statistics",
]
