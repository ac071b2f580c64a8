"""EfficientDet: backbone, feature network and two heads.

Numbers and order of the layers follow google/automl,
`efficientdet/tf2/efficientdet_keras.py`.
"""

import keras

from keras_efficient.layers import PredictionHead
from keras_efficient.layers.data_format import spatial_axes
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.initializers import prior_bias_initializer
from keras_efficient.models.detection_model import DetectionModel
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.models.feature_pyramid import cells as make_cells
from keras_efficient.models.feature_pyramid import feature_network as merge
from keras_efficient.models.feature_pyramid import features_model
from keras_efficient.models.inputs import square_shape
from keras_efficient.models.joint_scaling import detector_numbers
from keras_efficient.ops import COCO_ASPECT_RATIOS
from keras_efficient.ops import generate_anchors


@keras.saving.register_keras_serializable(package="keras_efficient")
class EfficientDet(DetectionModel):
    """EfficientDet of any backbone, width and depth.

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

    Its parts are `model.backbone`, `model.feature_network`,
    `model.class_head` and `model.box_head`; set `trainable = False` on one to
    freeze it, its batch norm included, and compile again.

    Args:
        backbone: `keras.Model` with an attribute `pyramid_outputs`, such as
            an `EfficientNet`, or whose output is a dict `{"P3": tensor,
            "P4": ...}`; a level is `2**level` times smaller than the image.
        num_classes: Integer, number of classes. Defaults to 90, of COCO.
        feature_network: String, `"bifpn"`, `"fpn"`, `"panet"` or `"nas_fpn"`;
            or a Keras layer, or a list of layers that follow each other, that
            take a dict of all levels and give one of as many filters each.
            Defaults to `"bifpn"`.
        weight_method: String, how the nodes of the feature network weigh
            their inputs; see `layers.WeightedFusion`. Defaults to the
            network's own.
        fpn_filters: Integer, filters of feature network and heads. Defaults
            to 64.
        fpn_repeats: Integer, cells of the feature network. Defaults to 3.
        head_repeats: Integer, convolutions of a head before its predictor.
            Defaults to 3.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level; those that the backbone lacks are
            pooled from its last. Defaults to 7.
        num_scales: Integer, sizes of anchors at each place. Defaults to 3.
        aspect_ratios: Shapes of anchors; see `ops.generate_anchors`.
            Defaults to those of the COCO weights.
        anchor_scale: Float, side of the smallest square anchor over its
            stride. Defaults to 4.
        activation: Activation of feature network and heads. Defaults to
            `"swish"`.
        use_separable_conv: Boolean, whether their convolutions are depthwise
            ones and 1x1 ones. Defaults to `True`.
        use_bias: Boolean, whether their convolutions have a bias, although
            batch norm follows. Defaults to `True`, as in the published
            weights.
        padding: String, `"same"`, or `"symmetric"` as networks trained in
            PyTorch. Defaults to `"same"`.
        batch_norm_momentum: Float, share of the old statistics that is kept.
            Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`, that of
            the backbone. Defaults to `keras.config.image_data_format()`.
        name: String, name of the model. Defaults to `"efficientdet"`.

    Returns:
        A `keras.Model` that takes what the backbone takes and gives a dict of
        float32 tensors: `"class_logits"` of shape `(batch, num_anchors,
        num_classes)`, ahead of the sigmoid, and `"box_deltas"` of shape
        `(batch, num_anchors, 4)`, relative to the anchors as
        `ops.decode_boxes` takes them; see `generate_anchors` for the order.

    Raises:
        ValueError: If the backbone gives no pyramid of these levels, or an
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
        backbone,
        num_classes=90,
        *,
        feature_network="bifpn",
        weight_method=None,
        fpn_filters=64,
        fpn_repeats=3,
        head_repeats=3,
        min_level=3,
        max_level=7,
        num_scales=3,
        aspect_ratios=COCO_ASPECT_RATIOS,
        anchor_scale=4.0,
        activation="swish",
        use_separable_conv=True,
        use_bias=True,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
        name="efficientdet",
    ):
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
        cells = make_cells(
            feature_network, weight_method, fpn_filters, fpn_repeats, shared
        )
        backbone = features_model(backbone, min_level, max_level)
        network = merge(backbone.output, cells, fpn_filters, shared)
        images = backbone.input
        features = network(backbone(images))
        heads = {}
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
            # Losses and thresholds want all digits, whatever the policy.
            heads[output] = keras.layers.Activation(
                "linear", dtype="float32", name=output
            )(head(features))
        super().__init__(inputs=images, outputs=heads, name=name)
        self._anchor_arguments = {
            "num_scales": num_scales,
            "aspect_ratios": aspect_ratios,
            "anchor_scale": anchor_scale,
        }

    @classmethod
    def from_phi(
        cls,
        phi,
        num_classes=90,
        input_shape=None,
        *,
        rule="published",
        include_preprocessing=True,
        data_format=None,
        name="efficientdet",
        **arguments,
    ):
        """A detector whose parts all grow with one number.

        Backbone, feature network, heads and image at any `phi`, with random
        weights. With `rule="published"` whole numbers are D0 to D7 and take
        their weights; others lie in proportion between two of them.

        Args:
            phi: Number, from 0 to 7; with `"formula"` any that leaves a
                network.
            num_classes: Integer, number of classes. Defaults to 90.
            input_shape: Tuple, as of `EfficientDetD0`. Defaults to the square
                of `phi`.
            rule: String, `"published"` or `"formula"`: equations 1 to 3 of
                the paper; see `scaling.EfficientDetScaling`.
            include_preprocessing: As of `EfficientDetD0`.
            data_format: See `EfficientDet`.
            name: String, name of the model.
            **arguments: Further ones of `EfficientDet`, in place of those
                that follow from `phi`.

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
        numbers = detector_numbers(phi, rule)
        data_format = standardize_data_format(data_format)
        if input_shape is None:
            input_shape = square_shape(numbers.resolution, data_format)
        backbone = EfficientNet(
            include_top=False,
            input_shape=input_shape,
            width_coefficient=numbers.width_coefficient,
            depth_coefficient=numbers.depth_coefficient,
            drop_connect_rate=numbers.drop_connect_rate,
            include_preprocessing=include_preprocessing,
            data_format=data_format,
        )
        of_phi = {
            "fpn_filters": numbers.fpn_filters,
            "fpn_repeats": numbers.fpn_repeats,
            "head_repeats": numbers.head_repeats,
            "anchor_scale": numbers.anchor_scale,
        }
        if arguments.get("feature_network", "bifpn") == "bifpn":
            of_phi["weight_method"] = numbers.weight_method
        return cls(
            backbone,
            num_classes,
            data_format=data_format,
            name=name,
            **{**of_phi, **arguments},
        )

    @property
    def backbone(self):
        """The network that gives the pyramid, a `keras.Model`."""
        return self.get_layer("backbone")

    @property
    def feature_network(self):
        """The network that merges the levels, a `keras.Model`."""
        return self.get_layer("feature_network")

    @property
    def class_head(self):
        """The `layers.PredictionHead` of the classes."""
        return self.get_layer("class_head")

    @property
    def box_head(self):
        """The `layers.PredictionHead` of the boxes."""
        return self.get_layer("box_head")

    @property
    def num_classes(self):
        """Number of classes."""
        return self.class_head.units

    @property
    def class_names(self):
        """Tuple of the classes' names, or `None`; kept when saved."""
        return getattr(self, "_class_names", None)

    @class_names.setter
    def class_names(self, names):
        if names is not None and len(names) != self.num_classes:
            raise ValueError(
                f"`class_names` must have {self.num_classes} names, one for "
                f"each class of the model. Received: {len(names)} names"
            )
        names = None if names is None else tuple(str(name) for name in names)
        self._class_names = names

    @property
    def image_size(self):
        """Height and width of the input in pixels; `None` where it is any."""
        axes = spatial_axes(self.class_head.data_format)
        return tuple(self.input_shape[axis] for axis in axes)

    def generate_anchors(self, image_size=None):
        """The anchors that the outputs are relative to.

        Args:
            image_size: Pair `(height, width)`, in pixels. Defaults to that of
                the model's input.

        Returns:
            A float32 NumPy array of shape `(num_anchors, 4)`, boxes `yxyx` in
            pixels of the input.

        Raises:
            ValueError: If the model takes images of any size and none is
                given.
        """
        image_size = self.image_size if image_size is None else image_size
        if None in image_size:
            raise ValueError(
                "This model takes images of any size: pass `image_size`, "
                f"their (height, width). Received: image_size={image_size}"
            )
        return generate_anchors(image_size, **self.anchor_arguments)

    @property
    def anchor_arguments(self):
        """Arguments of `ops.generate_anchors`, all but the image's size."""
        head = self.class_head
        levels = {"min_level": head.min_level, "max_level": head.max_level}
        return {**levels, **self._anchor_arguments}

    def fused(self, dtype=None):
        """The same detector for inference; see `EfficientNet.fused`.

        Args:
            dtype: String or `None`, as there.

        Returns:
            An `EfficientDet` with copies of the weights.
        """
        model = super().fused(dtype)
        model._anchor_arguments = self._anchor_arguments
        model.class_names = self.class_names
        return model

    def get_config(self):
        config = super().get_config()
        config["anchors"] = _plain(self._anchor_arguments)
        config["class_names"] = self.class_names
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model from the config of its graph."""
        config = dict(config)
        anchors = config.pop("anchors")
        class_names = config.pop("class_names", None)
        model = super().from_config(config, custom_objects)
        model._anchor_arguments = anchors
        model.class_names = class_names
        return model


def _plain(arguments):
    """Arguments as plain lists and numbers, as JSON has them."""
    plain = dict(arguments)
    plain["aspect_ratios"] = [
        list(ratio) if isinstance(ratio, list | tuple) else ratio
        for ratio in arguments["aspect_ratios"]
    ]
    return plain
