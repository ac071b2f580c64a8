"""The published EfficientDets, D0 to D7x."""

from keras_efficient.models.efficientdet import EfficientDet
from keras_efficient.models.feature_pyramid import FeatureNetwork
from keras_efficient.types import DataFormat
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.variants import EFFICIENTDET_VARIANTS


def EfficientDetD0(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd0",
) -> EfficientDet:
    """EfficientDet-D0: 512 pixels, 3,880,067 parameters.

    Inputs are RGB pixels in `[0, 255]`. Images of another shape are padded at
    the bottom and the right.

    Args:
        weights: Weights to load:

            - `"coco"`, trained on the 80 classes of COCO, whose 90 ids have
              gaps;
            - the path of a checkpoint of any format that
              `converters.load_checkpoint` reads;
            - `None` for random weights in all parts except the backbone.

            If `num_classes` differs from that of the weights, everything
            except the class predictor is loaded. Defaults to `"coco"`.
        num_classes: Integer, number of classes. Defaults to 90.
        input_shape: Tuple `(height, width, 3)`, or channels first; any size
            from 32 pixels on, or `None` for sizes that vary. Defaults to the
            variant's.
        backbone_weights: Weights of the backbone if `weights` is `None`; see
            `weights` of `EfficientNetB0`. Defaults to `"imagenet"`.
        include_preprocessing: Boolean, whether the model normalizes pixels.
            Defaults to `True`.
        feature_network: See `EfficientDet`. Defaults to `"bifpn"`.
        weight_method: See `EfficientDet`. Defaults to the variant's:
            `"fast_normalized"`, and `"sum"` from D6 on.
        anchor_scale: Float, side of the smallest square anchor divided by the
            stride of its level. Halve it for objects half as large; see
            `training.measure_anchor_fit`. Defaults to the variant's, 4 or 5.
        drop_connect_rate: Float in `[0, 1)`, of the backbone; see
            `EfficientNet`. Defaults to the variant's: 0 for D0, 0.2 for
            others.
        data_format: See `EfficientDet`.
        name: String, name of the model.

    Returns:
        An `EfficientDet`, which is a `keras.Model`.

    Raises:
        ValueError: If `weights` is unknown or does not fit, or another
            argument is out of range.

    Example:
    >>> model = keras_efficient.EfficientDetD0(
    ...     weights=None, backbone_weights=None, num_classes=3
    ... )
    >>> {name: x.shape for name, x in model.output.items()}
    {'class_logits': (None, 49104, 3), 'box_deltas': (None, 49104, 4)}
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD0"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD1(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd1",
) -> EfficientDet:
    """EfficientDet-D1: 640 pixels, 6,625,898 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD1"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD2(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd2",
) -> EfficientDet:
    """EfficientDet-D2: 768 pixels, 8,097,039 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD2"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD3(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd3",
) -> EfficientDet:
    """EfficientDet-D3: 896 pixels, 12,032,296 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD3"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD4(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd4",
) -> EfficientDet:
    """EfficientDet-D4: 1024 pixels, 20,723,675 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD4"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD5(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd5",
) -> EfficientDet:
    """EfficientDet-D5: 1280 pixels, 33,653,315 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD5"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD6(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd6",
) -> EfficientDet:
    """EfficientDet-D6: 1280 pixels, 51,871,782 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD6"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD7(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd7",
) -> EfficientDet:
    """EfficientDet-D7: 1536 pixels, 51,871,782 parameters.

    D6 with larger images and larger anchors.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD7"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )


def EfficientDetD7x(
    weights: PathLike | None = "coco",
    num_classes: int = 90,
    input_shape: Shape | None = None,
    *,
    backbone_weights: PathLike | None = "imagenet",
    include_preprocessing: bool = True,
    feature_network: FeatureNetwork = "bifpn",
    weight_method: str | None = None,
    anchor_scale: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    name: str = "efficientdetd7x",
) -> EfficientDet:
    """EfficientDet-D7x: 1536 pixels, 77,147,166 parameters.

    The only published detector with level 8.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_VARIANTS["EfficientDetD7x"],
        num_classes,
        input_shape,
        weights=weights,
        backbone_weights=backbone_weights,
        include_preprocessing=include_preprocessing,
        feature_network=feature_network,
        weight_method=weight_method,
        anchor_scale=anchor_scale,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        name=name,
    )
