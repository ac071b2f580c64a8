"""EfficientNet and EfficientDet for Keras 3, on every backend."""

# First: it acts before Keras chooses a backend, which is on import.
from keras_efficient import backend_option
from keras_efficient import budgets
from keras_efficient import converters
from keras_efficient import counting
from keras_efficient import data
from keras_efficient import evaluation
from keras_efficient import export
from keras_efficient import feature_graphs
from keras_efficient import fusing
from keras_efficient import inference
from keras_efficient import layers
from keras_efficient import losses
from keras_efficient import models
from keras_efficient import ops
from keras_efficient import postprocessing
from keras_efficient import scaling
from keras_efficient import training
from keras_efficient import variants
from keras_efficient import visualization
from keras_efficient import weights
from keras_efficient.models import EfficientDet
from keras_efficient.models import EfficientDetD0
from keras_efficient.models import EfficientDetD1
from keras_efficient.models import EfficientDetD2
from keras_efficient.models import EfficientDetD3
from keras_efficient.models import EfficientDetD4
from keras_efficient.models import EfficientDetD5
from keras_efficient.models import EfficientDetD6
from keras_efficient.models import EfficientDetD7
from keras_efficient.models import EfficientDetD7x
from keras_efficient.models import EfficientNet
from keras_efficient.models import EfficientNetB0
from keras_efficient.models import EfficientNetB1
from keras_efficient.models import EfficientNetB2
from keras_efficient.models import EfficientNetB3
from keras_efficient.models import EfficientNetB4
from keras_efficient.models import EfficientNetB5
from keras_efficient.models import EfficientNetB6
from keras_efficient.models import EfficientNetB7
from keras_efficient.models import MobileNetV1
from keras_efficient.models import MobileNetV2
from keras_efficient.models import ResNet50
from keras_efficient.models import decode_predictions
from keras_efficient.models import preprocess_input

__version__ = "0.1.0"
