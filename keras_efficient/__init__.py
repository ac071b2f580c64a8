"""EfficientNet and EfficientDet for Keras 3, on every backend.

Importing the package loads nothing else: its parts, and with them Keras and
the backend, are imported when they are first used (PEP 562). Only placeholders
for its Keras classes are registered, so that saved models can be loaded.
"""

import importlib
from typing import TYPE_CHECKING
from typing import Any

from keras_efficient import saved_classes
from keras_efficient.version import __version__

# The module that each public name lives in. The block for type checkers below
# repeats the names (`tests/test_public_names.py` compares them).
_HOMES = {
    "EfficientDet": "models",
    "EfficientDetD0": "models",
    "EfficientDetD1": "models",
    "EfficientDetD2": "models",
    "EfficientDetD3": "models",
    "EfficientDetD4": "models",
    "EfficientDetD5": "models",
    "EfficientDetD6": "models",
    "EfficientDetD7": "models",
    "EfficientDetD7x": "models",
    "EfficientDetLite0": "models",
    "EfficientDetLite1": "models",
    "EfficientDetLite2": "models",
    "EfficientDetLite3": "models",
    "EfficientDetLite3x": "models",
    "EfficientDetLite4": "models",
    "EfficientNet": "models",
    "EfficientNetB0": "models",
    "EfficientNetB1": "models",
    "EfficientNetB2": "models",
    "EfficientNetB3": "models",
    "EfficientNetB4": "models",
    "EfficientNetB5": "models",
    "EfficientNetB6": "models",
    "EfficientNetB7": "models",
    "EfficientNetLite0": "models",
    "EfficientNetLite1": "models",
    "EfficientNetLite2": "models",
    "EfficientNetLite3": "models",
    "EfficientNetLite4": "models",
    "MobileNetV1": "models",
    "MobileNetV2": "models",
    "ResNet50": "models",
    "decode_predictions": "models",
    "preprocess_input": "models",
}
_PARTS = (
    "applications",
    "budgets",
    "converters",
    "counting",
    "data",
    "evaluation",
    "export",
    "feature_graphs",
    "fusing",
    "inference",
    "layers",
    "losses",
    "models",
    "ops",
    "postprocessing",
    "scaling",
    "training",
    "variants",
    "visualization",
    "weights",
)
__all__ = ["__version__", *_HOMES, *_PARTS]

if TYPE_CHECKING:
    from keras_efficient import applications
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
    from keras_efficient.models import EfficientDetLite0
    from keras_efficient.models import EfficientDetLite1
    from keras_efficient.models import EfficientDetLite2
    from keras_efficient.models import EfficientDetLite3
    from keras_efficient.models import EfficientDetLite3x
    from keras_efficient.models import EfficientDetLite4
    from keras_efficient.models import EfficientNet
    from keras_efficient.models import EfficientNetB0
    from keras_efficient.models import EfficientNetB1
    from keras_efficient.models import EfficientNetB2
    from keras_efficient.models import EfficientNetB3
    from keras_efficient.models import EfficientNetB4
    from keras_efficient.models import EfficientNetB5
    from keras_efficient.models import EfficientNetB6
    from keras_efficient.models import EfficientNetB7
    from keras_efficient.models import EfficientNetLite0
    from keras_efficient.models import EfficientNetLite1
    from keras_efficient.models import EfficientNetLite2
    from keras_efficient.models import EfficientNetLite3
    from keras_efficient.models import EfficientNetLite4
    from keras_efficient.models import MobileNetV1
    from keras_efficient.models import MobileNetV2
    from keras_efficient.models import ResNet50
    from keras_efficient.models import decode_predictions
    from keras_efficient.models import preprocess_input


saved_classes.register_with_keras()


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        value = getattr(module, name)
        # Found without this function from now on.
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
