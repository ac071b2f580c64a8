"""The published EfficientDets for mobile devices, Lite0 to Lite4."""

from keras_efficient.models.efficientdet import EfficientDet
from keras_efficient.models.feature_pyramid import FeatureNetwork
from keras_efficient.types import DataFormat
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.variants import EFFICIENTDET_LITE_VARIANTS


def EfficientDetLite0(
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
    name: str = "efficientdetlite0",
) -> EfficientDet:
    """EfficientDet-Lite0: 320 pixels, 3,243,470 parameters.

    The Lite detectors are made for mobile and embedded processors, and keep
    their accuracy in 8 bits: an EfficientNet-Lite as backbone, ReLU6 in place
    of swish, and sums without weights in the feature network. Inputs are RGB
    pixels in `[0, 255]`. Images of another shape are padded at the bottom and
    the right.

    Args:
        weights: `"coco"`, the path of a checkpoint of any format that
            `converters.load_checkpoint` reads, or `None` for random weights in
            all parts except the backbone. If `num_classes` differs from that
            of the weights, everything except the class predictor is loaded.
            Defaults to `"coco"`.
        num_classes: Integer, number of classes. Defaults to 90.
        input_shape: Tuple `(height, width, 3)`, or channels first; any size
            from 32 pixels on, or `None` for sizes that vary. Defaults to the
            variant's.
        backbone_weights: Weights of the backbone if `weights` is `None`; see
            `weights` of `EfficientNetLite0`. Defaults to `"imagenet"`.
        include_preprocessing: See `EfficientDetD0`.
        feature_network: See `EfficientDet`. Defaults to `"bifpn"`.
        weight_method: See `EfficientDet`. Defaults to `"sum"`.
        anchor_scale: See `EfficientDetD0`. Defaults to the variant's, 3 or 4.
        drop_connect_rate: See `EfficientNet`. Defaults to the variant's, 0.2.
        data_format: See `EfficientDet`.
        name: String, name of the model.

    Returns:
        An `EfficientDet`, which is a `keras.Model`.

    Raises:
        ValueError: If `weights` is unknown or does not fit, or another
            argument is out of range.

    Example:
    >>> model = keras_efficient.EfficientDetLite0(
    ...     weights=None, backbone_weights=None, num_classes=3
    ... )
    >>> {name: x.shape for name, x in model.output.items()}
    {'class_logits': (None, 19206, 3), 'box_deltas': (None, 19206, 4)}

    Reference:
        - [google/automl](https://github.com/google/automl/tree/master/efficientdet).
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite0"],
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


def EfficientDetLite1(
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
    name: str = "efficientdetlite1",
) -> EfficientDet:
    """EfficientDet-Lite1: 384 pixels, 4,248,318 parameters.

    See `EfficientDetLite0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite1"],
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


def EfficientDetLite2(
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
    name: str = "efficientdetlite2",
) -> EfficientDet:
    """EfficientDet-Lite2: 448 pixels, 5,252,334 parameters.

    See `EfficientDetLite0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite2"],
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


def EfficientDetLite3(
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
    name: str = "efficientdetlite3",
) -> EfficientDet:
    """EfficientDet-Lite3: 512 pixels, 8,350,862 parameters.

    See `EfficientDetLite0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite3"],
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


def EfficientDetLite3x(
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
    name: str = "efficientdetlite3x",
) -> EfficientDet:
    """EfficientDet-Lite3x: 640 pixels, 9,280,862 parameters.

    See `EfficientDetLite0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite3x"],
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


def EfficientDetLite4(
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
    name: str = "efficientdetlite4",
) -> EfficientDet:
    """EfficientDet-Lite4: 640 pixels, 15,130,894 parameters.

    See `EfficientDetLite0`, whose arguments it has, and `EfficientDet`.
    """
    return EfficientDet.from_variant(
        EFFICIENTDET_LITE_VARIANTS["EfficientDetLite4"],
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
