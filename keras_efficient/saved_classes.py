"""Keras finds the classes of this package in saved files before their import.

The package imports its parts when they are first used, but a `.keras` file may
be the first to name a class: `keras.saving.load_model("model.keras")`. So
placeholders are registered with Keras; the first one that Keras uses imports
the parts, which register the classes themselves.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any

_ROOT = "keras_efficient"
# Parts that register classes, and the names they register
# (`tests/test_public_names.py` compares them).
_PARTS = ("models", "losses", "postprocessing", "training")
CLASSES = (
    "AttentionFusion",
    "BatchNormalization",
    "BiFPNLayer",
    "Conv2D",
    "ConvNorm",
    "Dense",
    "DepthwiseConv2D",
    "DetectionAdamW",
    "DetectionLoss",
    "DetectionSGD",
    "DetectorAdamW",
    "DetectorSGD",
    "EfficientDet",
    "EfficientDetSchedule",
    "EfficientNet",
    "FPNLayer",
    "FeatureNetworkLayer",
    "ImageNormalization",
    "ImagePadding",
    "MBConvBlock",
    "MobileNetV1",
    "MobileNetV2",
    "NASFPNLayer",
    "PANetLayer",
    "PostProcessing",
    "PredictionHead",
    "ResNet50",
    "ResampleFeatures",
    "SeparableConv2D",
    "SharedConvNorm",
    "SqueezeExcite",
    "StochasticDepth",
    "WarmupCosineDecay",
    "WeightedFusion",
)


def register_with_keras() -> None:
    """Register the placeholders, now or when Keras is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _KerasFinder())


def _register() -> None:
    known = sys.modules["keras"].saving.get_custom_objects()
    for name in CLASSES:
        known.setdefault(f"{_ROOT}>{name}", Placeholder(name))


class Placeholder:
    """Stands for a class until Keras creates an instance of it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def from_config(self, config: dict[str, Any], **options: Any) -> Any:
        """Import the class, and create an instance from its config."""
        for part in _PARTS:
            importlib.import_module(f"{_ROOT}.{part}")
        # Not `get_registered_object`: while Keras loads a model, it searches a
        # copy, which still contains the placeholders.
        known = sys.modules["keras"].saving.get_custom_objects()
        cls = known[f"{_ROOT}>{self.name}"]
        return cls.from_config(config, **options)


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Waits for the import of Keras, once."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of Keras with a loader that registers."""
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader)
        return spec


class _RegisteringLoader(importlib.abc.Loader):
    """Loads Keras as its own loader does, then registers the placeholders."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(
        self, spec: importlib.machinery.ModuleSpec
    ) -> types.ModuleType | None:
        """Create the module."""
        return self.loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the module, then register."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        _register()
