"""The published EfficientDets, D0 to D7x."""

from keras_efficient import weights as published
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.models.coco import COCO_CLASS_NAMES
from keras_efficient.models.efficientdet import EfficientDet
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.models.inputs import square_shape
from keras_efficient.variants import EFFICIENTDET_MIN_LEVEL
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from keras_efficient.variants import EFFICIENTNET_VARIANTS

# google/automl drops no residual branches of a B0.
_DROP_CONNECT_RATES = {"EfficientNetB0": 0.0}
_DEFAULT_DROP_CONNECT_RATE = 0.2


def _build(
    model_name,
    weights,
    num_classes,
    input_shape,
    backbone_weights,
    include_preprocessing,
    feature_network,
    weight_method,
    anchor_scale,
    drop_connect_rate,
    data_format,
    name,
):
    """Builds a variant by its row of the table, and loads its weights."""
    variant = EFFICIENTDET_VARIANTS[model_name]
    data_format = standardize_data_format(data_format)
    if weight_method is None and feature_network == "bifpn":
        weight_method = variant.weight_method
    if drop_connect_rate is None:
        drop_connect_rate = _DROP_CONNECT_RATES.get(
            variant.backbone, _DEFAULT_DROP_CONNECT_RATE
        )
    if anchor_scale is None:
        anchor_scale = variant.anchor_scale
    if input_shape is None:
        input_shape = square_shape(variant.resolution, data_format)
    row = EFFICIENTNET_VARIANTS[variant.backbone]
    backbone = EfficientNet(
        include_top=False,
        input_shape=input_shape,
        width_coefficient=row.width_coefficient,
        depth_coefficient=row.depth_coefficient,
        drop_connect_rate=drop_connect_rate,
        include_preprocessing=include_preprocessing,
        data_format=data_format,
        name=variant.backbone.lower(),
    )
    model = EfficientDet(
        backbone,
        num_classes,
        feature_network=feature_network,
        weight_method=weight_method,
        fpn_filters=variant.fpn_filters,
        fpn_repeats=variant.fpn_repeats,
        head_repeats=variant.head_repeats,
        min_level=EFFICIENTDET_MIN_LEVEL,
        max_level=variant.max_level,
        anchor_scale=anchor_scale,
        data_format=data_format,
        name=name,
    )
    if weights is None:
        load_pretrained(model.backbone, variant.backbone, backbone_weights)
    load_pretrained(model, model_name, weights)
    if (
        isinstance(weights, str)
        and weights in published.tags(model_name)
        and num_classes == len(COCO_CLASS_NAMES)
    ):
        model.class_names = COCO_CLASS_NAMES
    return model


def EfficientDetD0(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd0",
):
    """EfficientDet-D0: 512 pixels, 3,880,067 parameters.

    Images go in as they are, RGB in `[0, 255]`; what does not fill the input
    is filled up at the bottom and the right.

    Args:
        weights: What to fill the model with:

            - `"coco"`: trained on COCO's 80 classes, whose ids up to 90 keep
              gaps;
            - a path to a checkpoint of any format that
              `converters.load_checkpoint` reads;
            - `None` for random numbers in all but the backbone.

            With another `num_classes` than the weights have, everything but
            the class predictor is loaded. Defaults to `"coco"`.
        num_classes: Integer, number of classes. Defaults to 90.
        input_shape: Tuple `(height, width, 3)`, or channels first; any size
            from 32 pixels on, and `None` for sizes that vary. Defaults to the
            variant's own.
        backbone_weights: With `weights=None`, what to fill the backbone with,
            as `weights` of `EfficientNetB0`. Defaults to `"imagenet"`.
        include_preprocessing: Boolean, whether the model normalises its
            pixels itself. Defaults to `True`.
        feature_network: See `EfficientDet`. Defaults to `"bifpn"`.
        weight_method: See `EfficientDet`. Defaults to the variant's own:
            `"fast_normalized"`, and `"sum"` from D6 on.
        anchor_scale: Float, side of the smallest square anchor over its
            level's stride. Half of it for objects half as large; see
            `training.measure_anchor_fit`. Defaults to the variant's own,
            4 or 5.
        drop_connect_rate: Float, of the backbone; see `EfficientNet`.
            Defaults to 0 for D0 and 0.2 for the others, as trained.
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
    return _build("EfficientDetD0", **locals())


def EfficientDetD1(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd1",
):
    """EfficientDet-D1: 640 pixels, 6,625,898 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD1", **locals())


def EfficientDetD2(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd2",
):
    """EfficientDet-D2: 768 pixels, 8,097,039 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD2", **locals())


def EfficientDetD3(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd3",
):
    """EfficientDet-D3: 896 pixels, 12,032,296 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD3", **locals())


def EfficientDetD4(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd4",
):
    """EfficientDet-D4: 1024 pixels, 20,723,675 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD4", **locals())


def EfficientDetD5(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd5",
):
    """EfficientDet-D5: 1280 pixels, 33,653,315 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD5", **locals())


def EfficientDetD6(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd6",
):
    """EfficientDet-D6: 1280 pixels, 51,871,782 parameters.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD6", **locals())


def EfficientDetD7(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd7",
):
    """EfficientDet-D7: 1536 pixels, 51,871,782 parameters.

    The network of D6, with larger images and larger anchors.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD7", **locals())


def EfficientDetD7x(
    weights="coco",
    num_classes=90,
    input_shape=None,
    *,
    backbone_weights="imagenet",
    include_preprocessing=True,
    feature_network="bifpn",
    weight_method=None,
    anchor_scale=None,
    drop_connect_rate=None,
    data_format=None,
    name="efficientdetd7x",
):
    """EfficientDet-D7x: 1536 pixels, 77,147,166 parameters.

    The only one with level 8.

    See `EfficientDetD0`, whose arguments it has, and `EfficientDet`.
    """
    return _build("EfficientDetD7x", **locals())
