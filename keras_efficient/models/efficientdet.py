"""EfficientDet: backbone, feature network and two heads.

Numbers and order of the layers follow google/automl,
`efficientdet/tf2/efficientdet_keras.py`.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import weights as published
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.layers import PredictionHead
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.initializers import prior_bias_initializer
from keras_efficient.models.coco import COCO_CLASS_NAMES
from keras_efficient.models.detection_model import DetectionModel
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.models.feature_pyramid import FeatureNetwork
from keras_efficient.models.feature_pyramid import build_backbone
from keras_efficient.models.feature_pyramid import build_feature_network
from keras_efficient.models.inputs import square_shape
from keras_efficient.ops import COCO_ASPECT_RATIOS
from keras_efficient.scaling import EfficientDetScaling
from keras_efficient.scaling import interpolate_efficientdet
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.variants import EfficientDetVariant

RULES: dict[str, Callable[[float], EfficientDetVariant]] = {
    "published": interpolate_efficientdet,
    "formula": EfficientDetScaling(),
}


@keras.saving.register_keras_serializable(package="keras_efficient")
class EfficientDet(DetectionModel):
    """EfficientDet with any backbone, width and depth.

    `EfficientDetD0` to `EfficientDetD7x` are the published sizes:

    | variant | backbone | resolution | filters | cells | head | parameters |
    |---|---|---|---|---|---|---|
    | D0 | B0 | 512 | 64 | 3 | 3 | 3,880,067 |
    | D1 | B1 | 640 | 88 | 4 | 3 | 6,625,898 |
    | D2 | B2 | 768 | 112 | 5 | 3 | 8,097,039 |
    | D3 | B3 | 896 | 160 | 6 | 4 | 12,032,296 |
    | D4 | B4 | 1024 | 224 | 7 | 4 | 20,723,675 |
    | D5 | B5 | 1280 | 288 | 7 | 4 | 33,653,315 |
    | D6 | B6 | 1280 | 384 | 8 | 5 | 51,871,782 |
    | D7 | B6 | 1536 | 384 | 8 | 5 | 51,871,782 |
    | D7x | B7 | 1536 | 384 | 8 | 5 | 77,147,166 |

    The parts are `model.backbone`, `model.feature_network`,
    `model.class_head` and `model.box_head`. To freeze a part with its batch
    normalization, set its `trainable` to `False` and compile again.

    Args:
        backbone: `keras.Model` with an attribute `pyramid_outputs`, such as
            an `EfficientNet`, or with an output `{"P3": tensor, "P4": ...}`; a
            level is `2**level` times smaller than the image.
        num_classes: Integer, number of classes. Defaults to 90, of COCO.
        feature_network: String, `"bifpn"`, `"fpn"`, `"panet"` or `"nas_fpn"`;
            or a Keras layer or list of successive layers, each from a dict of
            all levels to a dict of all levels with equally many filters.
            Defaults to `"bifpn"`.
        weight_method: String, how the nodes of the feature network weigh
            their inputs; see `layers.WeightedFusion`. Defaults to that of the
            feature network.
        fpn_filters: Integer, filters of feature network and heads. Defaults
            to 64.
        fpn_repeats: Integer, cells of the feature network. Defaults to 3.
        head_repeats: Integer, convolutions of a head before its predictor.
            Defaults to 3.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Levels that the backbone lacks are
            pooled from its last one. Defaults to 7.
        num_scales: Integer, sizes of anchors at each position. Defaults to 3.
        aspect_ratios: Aspect ratios of anchors; see `ops.generate_anchors`.
            Defaults to those of the COCO weights.
        anchor_scale: Float, side of the smallest square anchor divided by its
            stride. Defaults to 4.
        activation: Activation of feature network and heads. Defaults to
            `"swish"`.
        use_separable_conv: Boolean, whether convolutions of feature network
            and heads are depthwise separable. Defaults to `True`.
        use_bias: Boolean, whether these convolutions have a bias in addition
            to batch normalization, as the published weights do. Defaults to
            `True`.
        padding: String, `"same"` for networks trained in TensorFlow, or
            `"symmetric"` for those trained in PyTorch. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`, that of
            the backbone. Defaults to `keras.config.image_data_format()`.
        name: String, name of the model. Defaults to `"efficientdet"`.

    Returns:
        A `keras.Model` with the inputs of the backbone and a dict of float32
        outputs: `"class_logits"` of shape `(batch, num_anchors, num_classes)`,
        before the sigmoid, and `"box_deltas"` of shape `(batch, num_anchors,
        4)`, relative to the anchors of `generate_anchors`; see
        `ops.decode_boxes`.

    Raises:
        ValueError: If the backbone has no pyramid of these levels, or an
            argument is out of range.

    Example:
    >>> backbone = keras_efficient.EfficientNet(
    ...     include_top=False, width_coefficient=0.25, input_shape=(96, 128, 3)
    ... )
    >>> model = keras_efficient.EfficientDet(
    ...     backbone, num_classes=3, fpn_filters=16, fpn_repeats=1
    ... )
    >>> {name: x.shape for name, x in model.output.items()}
    {'class_logits': (None, 2313, 3), 'box_deltas': (None, 2313, 4)}
    >>> model.generate_anchors().shape
    (2313, 4)

    Reference:
        - [Tan et al., 2020](https://arxiv.org/abs/1911.09070).
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int = 90,
        *,
        feature_network: FeatureNetwork = "bifpn",
        weight_method: str | None = None,
        fpn_filters: int = 64,
        fpn_repeats: int = 3,
        head_repeats: int = 3,
        min_level: int = 3,
        max_level: int = 7,
        num_scales: int = 3,
        aspect_ratios: Sequence = COCO_ASPECT_RATIOS,
        anchor_scale: float = 4.0,
        activation: Activation = "swish",
        use_separable_conv: bool = True,
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        name: str = "efficientdet",
    ) -> None:
        shared = {
            "min_level": min_level,
            "max_level": max_level,
            "activation": activation,
            "use_separable_conv": use_separable_conv,
            "use_bias": use_bias,
            "padding": padding,
            "batch_norm_momentum": batch_norm_momentum,
            "batch_norm_epsilon": batch_norm_epsilon,
            "data_format": standardize_data_format(data_format),
        }
        levels = build_backbone(backbone, min_level, max_level)
        network = build_feature_network(
            levels.output,
            feature_network,
            weight_method,
            fpn_filters,
            fpn_repeats,
            shared,
        )
        features = network(levels(levels.input))
        outputs = {}
        for prefix, output, units, bias in (
            ("class", "class_logits", num_classes, prior_bias_initializer()),
            ("box", "box_deltas", 4, "zeros"),
        ):
            head = PredictionHead(
                units,
                num_scales * len(aspect_ratios),
                fpn_filters,
                head_repeats,
                bias_initializer=bias,
                name=f"{prefix}_head",
                **shared,
            )
            # Losses and thresholds need float32, whatever the dtype policy.
            outputs[output] = keras.layers.Activation(
                "linear", dtype="float32", name=output
            )(head(features))
        super().__init__(inputs=levels.input, outputs=outputs, name=name)
        self._anchor_arguments = {
            "num_scales": num_scales,
            "aspect_ratios": aspect_ratios,
            "anchor_scale": anchor_scale,
        }

    @classmethod
    def from_variant(
        cls,
        variant: EfficientDetVariant,
        num_classes: int = 90,
        input_shape: Shape | None = None,
        *,
        weights: PathLike | None = None,
        backbone_weights: PathLike | None = None,
        include_preprocessing: bool = True,
        feature_network: FeatureNetwork = "bifpn",
        weight_method: str | None = None,
        anchor_scale: float | None = None,
        drop_connect_rate: float | None = None,
        num_scales: int = 3,
        aspect_ratios: Sequence = COCO_ASPECT_RATIOS,
        activation: Activation | None = None,
        use_separable_conv: bool = True,
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        name: str | None = None,
    ) -> "EfficientDet":
        """Build the detector of a row, published or not.

        All arguments but `variant` are those of `EfficientDetD0` and
        `EfficientDet`, except that no weights are loaded by default, that
        `activation` defaults to the variant's, and that `padding` and the
        settings of batch normalization apply to the backbone as well.

        Returns:
            An `EfficientDet`.

        Raises:
            ValueError: See `EfficientDetD0`.

        Example:
        >>> variants = keras_efficient.variants
        >>> variant = variants.EfficientDetVariant(
        ...     "Small", variants.EFFICIENTNET_VARIANTS["EfficientNetB0"],
        ...     resolution=256, fpn_filters=32, fpn_repeats=2, head_repeats=2,
        ... )
        >>> model = keras_efficient.EfficientDet.from_variant(variant, 3)
        >>> model.name, model.image_size, model.num_classes
        ('small', (256, 256), 3)
        """
        data_format = standardize_data_format(data_format)
        if input_shape is None:
            input_shape = square_shape(variant.resolution, data_format)
        if weight_method is None and feature_network == "bifpn":
            weight_method = variant.weight_method
        backbone = EfficientNet.from_variant(
            variant.backbone,
            include_top=False,
            input_shape=input_shape,
            include_preprocessing=include_preprocessing,
            drop_connect_rate=drop_connect_rate,
            padding=padding,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
            data_format=data_format,
        )
        model = cls(
            backbone,
            num_classes,
            feature_network=feature_network,
            weight_method=weight_method,
            fpn_filters=variant.fpn_filters,
            fpn_repeats=variant.fpn_repeats,
            head_repeats=variant.head_repeats,
            min_level=variant.min_level,
            max_level=variant.max_level,
            num_scales=num_scales,
            aspect_ratios=aspect_ratios,
            anchor_scale=anchor_scale or variant.anchor_scale,
            activation=activation or variant.activation,
            use_separable_conv=use_separable_conv,
            use_bias=use_bias,
            padding=padding,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
            data_format=data_format,
            name=variant.name.lower() if name is None else name,
        )
        if weights is None:
            load_pretrained(
                model.backbone,
                variant.backbone.name,
                backbone_weights,
                "backbone_weights",
            )
        load_pretrained(model, variant.name, weights)
        is_coco = weights in published.tags(variant.name)
        if is_coco and num_classes == len(COCO_CLASS_NAMES):
            model.class_names = COCO_CLASS_NAMES
        return model

    @classmethod
    def from_phi(
        cls,
        phi: float,
        num_classes: int = 90,
        input_shape: Shape | None = None,
        *,
        rule: str = "published",
        weights: PathLike | None = None,
        backbone_weights: PathLike | None = None,
        include_preprocessing: bool = True,
        feature_network: FeatureNetwork = "bifpn",
        weight_method: str | None = None,
        fpn_filters: int | None = None,
        fpn_repeats: int | None = None,
        head_repeats: int | None = None,
        min_level: int | None = None,
        max_level: int | None = None,
        num_scales: int = 3,
        aspect_ratios: Sequence = COCO_ASPECT_RATIOS,
        anchor_scale: float | None = None,
        drop_connect_rate: float | None = None,
        activation: Activation = "swish",
        use_separable_conv: bool = True,
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        name: str = "efficientdet",
    ) -> "EfficientDet":
        """Build a detector whose parts all grow with the number `phi`.

        With `rule="published"`, `phi` is in `[0, 7]`: whole numbers are D0 to
        D7, others are interpolated (`scaling.interpolate_efficientdet`). With
        `rule="formula"` the equations of the paper apply to any number
        (`scaling.EfficientDetScaling`). All other arguments are those of
        `EfficientDetD0` and `EfficientDet`; by default they follow from `phi`,
        and no weights are loaded.

        Returns:
            An `EfficientDet`.

        Raises:
            ValueError: If an argument is out of range.

        Example:
        >>> model = keras_efficient.EfficientDet.from_phi(0.5, num_classes=3)
        >>> model.image_size, keras_efficient.counting.count_parameters(model)
        ((576, 576), 6490523)

        Reference:
            - [Tan et al., 2020, section 4.2](https://arxiv.org/abs/1911.09070).
        """
        if rule not in RULES:
            raise ValueError(
                f"`rule` must be one of {tuple(RULES)}. Received: rule={rule!r}"
            )
        own: dict[str, Any] = {
            "fpn_filters": fpn_filters,
            "fpn_repeats": fpn_repeats,
            "head_repeats": head_repeats,
            "min_level": min_level,
            "max_level": max_level,
        }
        variant = dataclasses.replace(
            RULES[rule](phi), **{k: x for k, x in own.items() if x is not None}
        )
        return cls.from_variant(
            variant,
            num_classes,
            input_shape,
            weights=weights,
            backbone_weights=backbone_weights,
            include_preprocessing=include_preprocessing,
            feature_network=feature_network,
            weight_method=weight_method,
            anchor_scale=anchor_scale,
            drop_connect_rate=drop_connect_rate,
            num_scales=num_scales,
            aspect_ratios=aspect_ratios,
            activation=activation,
            use_separable_conv=use_separable_conv,
            use_bias=use_bias,
            padding=padding,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
            data_format=data_format,
            name=name,
        )

    @property
    def backbone(self) -> keras.Model:
        """The network that computes the pyramid of features."""
        return self.get_layer("backbone")

    @property
    def feature_network(self) -> keras.Model:
        """The network that merges the levels."""
        return self.get_layer("feature_network")
