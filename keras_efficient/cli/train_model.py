"""The model of `keras-efficient train`."""

import pathlib
from typing import TYPE_CHECKING
from typing import Any

import keras_efficient
from keras_efficient.cli.downloads import announce
from keras_efficient.cli.train_config import CompleteConfig

if TYPE_CHECKING:
    import keras


def build_model(
    settings: CompleteConfig, class_names: tuple[str, ...]
) -> tuple["keras.Model", list[str]]:
    """Build the model of a configuration and load its weights.

    Args:
        settings: Settings of the run.
        class_names: Names of the classes of the data.

    Returns:
        The model, and the names of the variables that a partial checkpoint
        has not filled.
    """
    name = settings.model
    builder = getattr(keras_efficient, name)
    arguments: dict[str, Any] = {}
    if settings.image_size is not None:
        arguments["input_shape"] = (*settings.image_size, 3)
    is_detection = settings.task == "detection"
    backbone_file = None
    weights = settings.weights
    if is_detection:
        arguments["num_classes"] = len(class_names)
        arguments["anchor_scale"] = settings.anchor_scale
        backbone_weights = settings.backbone_weights
        if weights == "imagenet":
            weights, backbone_weights = "none", "imagenet"
        backbone = _backbone_name(name)
        if _is_file(backbone_weights, backbone):
            backbone_file, backbone_weights = backbone_weights, None
        if backbone_weights == "none":
            backbone_weights = None
        arguments["backbone_weights"] = backbone_weights
        if backbone_weights is not None:
            announce(backbone, backbone_weights, include_top=False)
    else:
        arguments["classes"] = len(class_names)
    is_file = _is_file(weights, name)
    if is_file or weights == "none":
        model = builder(weights=None, **arguments)
    else:
        announce(name, weights)
        model = builder(weights=weights, **arguments)
    model.class_names = tuple(class_names)
    load = keras_efficient.converters.load_checkpoint
    missing: list[str] = []
    if is_file:
        report = load(model, weights, strict=not settings.partial)
        print(report)
        missing = list(report.missing)
    if backbone_file is not None:
        print(load(model.backbone, backbone_file, strict=not settings.partial))
    return model, missing


def _backbone_name(model: str) -> str:
    """Return the name of the backbone of a published detector."""
    return keras_efficient.variants.EFFICIENTDET_VARIANTS[model].backbone.name


def _is_file(weights: str | None, model: str) -> bool:
    """Return whether weights are a file; published names take precedence."""
    published = keras_efficient.weights.tags(model)
    if weights is None or weights in ("none", *published):
        return False
    # A folder of images may have the name of published weights.
    return pathlib.Path(weights).exists()
