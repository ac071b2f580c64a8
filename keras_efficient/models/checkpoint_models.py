"""The model that the weights of a checkpoint are from."""

from typing import Any

from keras_efficient.converters import CheckpointInfo
from keras_efficient.converters import inspect_checkpoint
from keras_efficient.converters import load_checkpoint
from keras_efficient.models.classification_model import ClassificationModel
from keras_efficient.models.detection_model import DetectionModel
from keras_efficient.models.efficientdet import EfficientDet
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.types import PathLike
from keras_efficient.variants import CLASSIFICATION_VARIANTS
from keras_efficient.variants import DETECTION_VARIANTS
from keras_efficient.variants import EfficientDetVariant


def from_checkpoint(
    path: PathLike,
    variant: str | None = None,
    *,
    source: str | None = None,
    normalization: Any = None,
    strict: bool = True,
    **arguments: Any,
) -> ClassificationModel | DetectionModel:
    """Build the model of a checkpoint, and load its weights.

    The network, the number of classes, the padding and the epsilon of batch
    normalization are those of the file, and so is the normalization of
    pixels. A classifier of one class has a sigmoid, others a softmax.

    Args:
        path: Path of a checkpoint of any format that
            `converters.load_checkpoint` reads.
        variant: Name of the published network, such as `"EfficientDetD0"`.
            Defaults to `None`: the one that has the shapes of the weights.
        source: See `converters.load_checkpoint`. Defaults to `None`.
        normalization: See `converters.load_checkpoint`. Defaults to `None`.
        strict: See `converters.load_checkpoint`. Defaults to `True`.
        **arguments: Further arguments of the builder, such as `input_shape`
            or `classifier_activation`.

    Returns:
        An `EfficientNet` or an `EfficientDet`. Without a classifier in the
        file, the network ends with its last features.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ValueError: If the file is damaged, its weights are those of no
            published network, or do not fit.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "mine.npz")
    >>> trained = keras_efficient.EfficientNetLite0(weights=None, classes=3)
    >>> names = keras_efficient.converters.naming.variable_names
    >>> np.savez(path, **names.named_variables(trained))
    >>> model = keras_efficient.models.from_checkpoint(path)
    >>> model.name, model.num_classes
    ('efficientnetlite0', 3)
    """
    info = inspect_checkpoint(path, source)
    model = build_for(info, variant, **arguments)
    load_checkpoint(
        model, path, strict=strict, source=source, normalization=normalization
    )
    return model


def build_for(
    info: CheckpointInfo, variant: str | None = None, **arguments: Any
) -> ClassificationModel | DetectionModel:
    """Build the model of a checkpoint with random weights.

    Args:
        info: Result of `converters.inspect_checkpoint`.
        variant: See `from_checkpoint`.
        **arguments: See `from_checkpoint`.

    Returns:
        An `EfficientNet` or an `EfficientDet`.

    Raises:
        ValueError: If `variant` is unknown, or missing and not recognized.
    """
    name = variant or info.variant
    known: dict[str, Any] = {**CLASSIFICATION_VARIANTS, **DETECTION_VARIANTS}
    if name not in known:
        raise ValueError(
            f"The weights in {info.path} ({info.source}) are those of no "
            "published network. Pass `variant` if it is a part of one, or "
            "build the model and call `converters.load_checkpoint`. Accepted: "
            f"{', '.join(known)}. Received: variant={variant!r}"
        )
    row = known[name]
    if isinstance(row, EfficientDetVariant):
        return _detector(row, info, arguments)
    settings = {**_top(info), **_normalization(info), **arguments}
    return EfficientNet.from_variant(row, **settings)


def _top(info: CheckpointInfo) -> dict[str, Any]:
    if info.source == "keras":
        return {}  # its names do not tell which layer is the classifier
    if info.num_classes is None:
        return {"include_top": False}
    activation = "sigmoid" if info.num_classes == 1 else "softmax"
    return {
        "classes": info.num_classes,
        "classifier_activation": activation,
    }


def _normalization(info: CheckpointInfo) -> dict[str, Any]:
    if info.padding is None or info.batch_norm_epsilon is None:
        return {}
    return {
        "padding": info.padding,
        "batch_norm_epsilon": info.batch_norm_epsilon,
    }


def _detector(
    row: EfficientDetVariant, info: CheckpointInfo, arguments: dict[str, Any]
) -> EfficientDet:
    if info.num_classes is not None:
        arguments = {"num_classes": info.num_classes, **arguments}
    if info.padding != "symmetric":
        return EfficientDet.from_variant(row, **arguments)
    # effdet's own detectors; only the backbone has the epsilon of PyTorch.
    arguments = {k: x for k, x in arguments.items() if k != "backbone_weights"}
    shape = arguments.pop("input_shape", (row.resolution, row.resolution, 3))
    backbone = EfficientNet.from_variant(
        row.backbone,
        include_top=False,
        input_shape=shape,
        **_normalization(info),
    )
    settings: dict[str, Any] = {
        "fpn_filters": row.fpn_filters,
        "fpn_repeats": row.fpn_repeats,
        "head_repeats": row.head_repeats,
        "max_level": row.max_level,
        "anchor_scale": row.anchor_scale,
        "weight_method": row.weight_method,
        "activation": row.activation,
        "padding": "symmetric",
        "use_bias": False,
        **arguments,
    }
    return EfficientDet(backbone, **settings)
