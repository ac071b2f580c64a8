"""The model of `keras-efficient train`."""

from typing import TYPE_CHECKING
from typing import Any

import keras_efficient
from keras_efficient.cli.downloads import announce
from keras_efficient.cli.loading import build_for_file
from keras_efficient.cli.loading import is_weights_file
from keras_efficient.cli.train_config import CompleteConfig

if TYPE_CHECKING:
    import keras


def build_model(
    settings: CompleteConfig,
    class_names: tuple[str, ...],
    multi_label: bool = False,
) -> tuple["keras.Model", list[str]]:
    """Build the model of a configuration and load its weights.

    Args:
        settings: Settings of the run.
        class_names: Names of the classes of the data.
        multi_label: Whether an image may belong to any number of classes.

    Returns:
        The model, and the names of the variables that a partial checkpoint
        has not filled.
    """
    name = settings.model
    builder = getattr(keras_efficient, name)
    arguments: dict[str, Any] = {}
    if settings.image_size is not None or settings.channels != 3:
        size = settings.image_size or _default_size(name)
        arguments["input_shape"] = (*size, settings.channels)
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
        if backbone_weights is not None and is_weights_file(
            backbone_weights, backbone
        ):
            backbone_file, backbone_weights = backbone_weights, None
        if backbone_weights == "none":
            backbone_weights = None
        arguments["backbone_weights"] = backbone_weights
        if backbone_weights is not None:
            announce(backbone, backbone_weights, include_top=False)
    else:
        arguments["classes"] = len(class_names)
        if settings.binary:
            _check_binary(class_names, multi_label)
            arguments["classes"] = 1
        if settings.binary or multi_label:
            arguments["classifier_activation"] = "sigmoid"
    is_file = weights is not None and is_weights_file(weights, name)
    if is_file:
        model = build_for_file(name, weights, **arguments)
    elif weights == "none":
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


def _default_size(model: str) -> tuple[int, int]:
    variants = keras_efficient.variants
    rows: dict[str, Any] = {
        **variants.CLASSIFICATION_VARIANTS,
        **variants.SCALABLE_NETWORKS,
        **variants.DETECTION_VARIANTS,
    }
    return rows[model].resolution, rows[model].resolution


def _check_binary(class_names: tuple[str, ...], multi_label: bool) -> None:
    if len(class_names) != 2 or multi_label:
        raise ValueError(
            "`binary` requires images of one of two classes. Received: "
            f"{len(class_names)} classes"
        )


def _backbone_name(model: str) -> str:
    """Return the name of the backbone of a published detector."""
    return keras_efficient.variants.DETECTION_VARIANTS[model].backbone.name
