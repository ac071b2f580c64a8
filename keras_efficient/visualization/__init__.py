"""Pictures of networks and of the search for their scaling."""

from keras_efficient.visualization.coefficient_search import plot_search
from keras_efficient.visualization.feature_networks import plot_feature_network
