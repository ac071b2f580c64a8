"""EfficientNet: from stages to a functional model.

Numbers and order of the layers follow `tensorflow/tpu`,
`models/official/efficientnet/efficientnet_model.py`. Names and arguments
follow `keras.applications`.
"""

import string
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import variants
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.layers import ConvNorm
from keras_efficient.layers import ImageNormalization
from keras_efficient.layers import MBConvBlock
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.models.classification_model import ClassificationModel
from keras_efficient.models.classification_model import classification_top
from keras_efficient.models.classification_model import load_weights
from keras_efficient.models.classification_model import pyramid_by_names
from keras_efficient.models.inputs import check_arguments
from keras_efficient.models.inputs import image_input
from keras_efficient.models.inputs import source_of
from keras_efficient.models.taps import block_output
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.types import Tensor

# Filters of the first and the last convolution, and divisor.
_PUBLISHED_ENDS = (
    variants.EFFICIENTNET_STEM_FILTERS,
    variants.EFFICIENTNET_TOP_FILTERS,
    8,
)

# Names of blocks.
_BLOCK = r"block\d+[a-z]+"


@keras.saving.register_keras_serializable(package="keras_efficient")
class EfficientNet(ClassificationModel):
    """EfficientNet of any width, depth and resolution.

    Inputs are pixels in `[0, 255]`, RGB unless `input_shape` has another number
    of channels, of any size from 32 pixels on; the first layer normalizes
    them. `EfficientNetB0` to `EfficientNetB7` are
    the published sizes, `EfficientNetLite0` to `EfficientNetLite4` those
    for mobile devices, see there:

    | variant | width | depth | resolution | dropout | parameters |
    |---|---|---|---|---|---|
    | B0 | 1.0 | 1.0 | 224 | 0.2 |  5,288,548 |
    | B1 | 1.0 | 1.1 | 240 | 0.2 |  7,794,184 |
    | B2 | 1.1 | 1.2 | 260 | 0.3 |  9,109,994 |
    | B3 | 1.2 | 1.4 | 300 | 0.3 | 12,233,232 |
    | B4 | 1.4 | 1.8 | 380 | 0.4 | 19,341,616 |
    | B5 | 1.6 | 2.2 | 456 | 0.4 | 30,389,784 |
    | B6 | 1.8 | 2.6 | 528 | 0.5 | 43,040,704 |
    | B7 | 2.0 | 3.1 | 600 | 0.5 | 66,347,960 |

    Args:
        include_top: Boolean, whether the model includes the classifier.
            Defaults to `True`.
        input_tensor: Keras tensor to build upon. Defaults to a new input.
        input_shape: Tuple `(height, width, channels)`, or channels first;
            height and width may be `None`. Defaults to the square of
            `resolution` with the classifier, and to any size without.
        pooling: `None`, `"avg"` or `"max"`, the pooling of the last features
            of a model without classifier. Defaults to `None`.
        classes: Integer, number of outputs. Defaults to 1000.
        classifier_activation: Activation of the classifier: `"softmax"` if
            exactly one class is right for an image; `"sigmoid"` if each class
            may be, or for one output that tells two classes apart; `None` for
            logits. Defaults to `"softmax"`.
        name: String, name of the model. Defaults to `"efficientnet"`.
        weights: `None`, the path of a checkpoint, or a tag of published
            weights, such as `"imagenet"`, if the coefficients and stages are
            those of a published network. See `EfficientNetB0`. Defaults to
            `None`.
        width_coefficient: Float, factor on the filters. Defaults to 1.
        depth_coefficient: Float, factor on the repeats. Defaults to 1.
        resolution: Integer, side of the default input, in pixels. Defaults to
            224.
        stages: Sequence of `variants.MBConvStage`, before scaling. Defaults to
            Table 1 of the paper.
        stem_filters: Integer, filters of the first convolution before scaling.
            Defaults to 32.
        top_filters: Integer, filters of the last convolution before scaling.
            Defaults to 1280.
        divisor: Integer, of which all filters are multiples. Defaults to 8.
        scale_ends: Boolean, whether the coefficients also apply to the filters
            of the first and the last convolution, and to the repeats of the
            first and the last stage. Defaults to `True`.
        activation: Activation of all blocks. Defaults to `"swish"`.
        dropout_rate: Float in `[0, 1)`, dropout before the classifier.
            Defaults to 0.2.
        drop_connect_rate: Float in `[0, 1)`, probability of dropping the
            residual branch of the last block; grows linearly from 0 with the
            block. Defaults to 0.2.
        include_preprocessing: Boolean, whether the model normalizes pixels.
            Defaults to `True`.
        pixel_mean: Tuple of floats in `[0, 1]`, subtracted from the channels
            of pixels in `[0, 1]`. Defaults to the mean of ImageNet.
        pixel_std: Tuple of floats above 0, by which they are divided. Defaults
            to the standard deviation of ImageNet.
        padding: String, `"same"` for networks trained in TensorFlow, or
            `"symmetric"` for those trained in PyTorch. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance: 1e-3 for networks
            trained in TensorFlow, 1e-5 in PyTorch. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        unroll_blocks: Boolean, whether the parts of the blocks are separate
            layers with the names and the order of `keras.applications`, as in
            `keras_efficient.applications`, instead of one `MBConvBlock` for
            each block. Outputs and speed of compiled functions are the same;
            `set_remat` requires blocks. Defaults to `False`.

    Returns:
        A `keras.Model` with an output of shape `(batch, classes)`. Without
        classifier the shape is `(batch, height / 32, width / 32, filters)`, or
        `(batch, filters)` after pooling.

    Raises:
        ValueError: If an argument is out of range, the input is too small, or
            `weights` is unknown or does not fit.

    Example:
    >>> model = keras_efficient.EfficientNet(
    ...     width_coefficient=0.25,
    ...     resolution=64,
    ...     classes=5,
    ...     stages=keras_efficient.variants.EFFICIENTNET_STAGES[:3],
    ... )
    >>> model.output_shape
    (None, 5)
    >>> {level: x.shape for level, x in model.pyramid_outputs.items()}
    {'P1': (None, 32, 32, 8), 'P2': (None, 16, 16, 8), 'P3': (None, 8, 8, 16)}

    Reference:
        - [Tan and Le, 2019](https://arxiv.org/abs/1905.11946).
    """

    def __init__(
        self,
        include_top: bool = True,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Activation = "softmax",
        name: str = "efficientnet",
        *,
        weights: PathLike | None = None,
        width_coefficient: float | None = 1.0,
        depth_coefficient: float | None = 1.0,
        resolution: int = 224,
        stages: Sequence[variants.MBConvStage] = variants.EFFICIENTNET_STAGES,
        stem_filters: int = variants.EFFICIENTNET_STEM_FILTERS,
        top_filters: int = variants.EFFICIENTNET_TOP_FILTERS,
        divisor: int = 8,
        scale_ends: bool = True,
        activation: Activation = "swish",
        dropout_rate: float = 0.2,
        drop_connect_rate: float = 0.2,
        include_preprocessing: bool = True,
        pixel_mean: Sequence[float] = variants.IMAGENET_MEAN_RGB,
        pixel_std: Sequence[float] = variants.IMAGENET_STD_RGB,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        unroll_blocks: bool = False,
    ) -> None:
        check_arguments(include_top, pooling, classes)
        data_format = standardize_data_format(data_format)
        shared = {
            "activation": activation,
            "padding": padding,
            "batch_norm_momentum": batch_norm_momentum,
            "batch_norm_epsilon": batch_norm_epsilon,
            "data_format": data_format,
        }
        images = image_input(
            input_tensor, input_shape, resolution, include_top, data_format
        )
        x = images
        if include_preprocessing:
            x = ImageNormalization(
                pixel_mean,
                pixel_std,
                data_format=data_format,
                name="preprocessing",
            )(x)
        width_of_ends = width_coefficient if scale_ends else None
        filters = round_filters(stem_filters, width_of_ends, divisor)
        x = ConvNorm(filters, 3, strides=2, **shared).unroll(
            x,
            "stem_conv",
            "stem_bn",
            "stem_activation",
            "stem_conv_pad" if unroll_blocks else None,
        )
        scaled = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor, scale_ends
        )
        x = _blocks(x, scaled, drop_connect_rate, shared, unroll_blocks)
        filters = round_filters(top_filters, width_of_ends, divisor)
        x = ConvNorm(filters, **shared).unroll(
            x, "top_conv", "top_bn", "top_activation"
        )
        x = classification_top(
            x,
            include_top,
            pooling,
            classes,
            classifier_activation,
            dropout_rate,
            data_format,
        )
        super().__init__(inputs=source_of(images), outputs=x, name=name)
        numbers = (stem_filters, top_filters, divisor)
        family = _family(tuple(stages), scale_ends, activation)
        load_weights(
            self,
            weights,
            family or variants.EFFICIENTNET_VARIANTS.values(),
            (width_coefficient, depth_coefficient),
            bool(family) and numbers == _PUBLISHED_ENDS,
        )

    @classmethod
    def from_variant(
        cls,
        variant: variants.EfficientNetVariant,
        *,
        include_top: bool = True,
        weights: PathLike | None = None,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Activation = "softmax",
        name: str | None = None,
        include_preprocessing: bool = True,
        dropout_rate: float | None = None,
        drop_connect_rate: float | None = None,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        unroll_blocks: bool = False,
    ) -> "EfficientNet":
        """Build the network of a row of a table.

        Args:
            variant: A `variants.EfficientNetVariant`, published or not.
            include_top: See `EfficientNet`.
            weights: See `EfficientNetB0`. Defaults to `None`.
            input_tensor: See `EfficientNet`.
            input_shape: See `EfficientNet`.
            pooling: See `EfficientNet`.
            classes: See `EfficientNet`.
            classifier_activation: See `EfficientNet`.
            name: String, name of the model. Defaults to the lowercase name of
                the variant.
            include_preprocessing: See `EfficientNet`.
            dropout_rate: See `EfficientNet`. Defaults to the variant's.
            drop_connect_rate: See `EfficientNet`. Defaults to the variant's.
            padding: See `EfficientNet`.
            batch_norm_momentum: See `EfficientNet`.
            batch_norm_epsilon: See `EfficientNet`.
            data_format: See `EfficientNet`.
            unroll_blocks: See `EfficientNet`.

        Returns:
            An `EfficientNet`.

        Raises:
            ValueError: See `EfficientNet`.

        Example:
        >>> variants = keras_efficient.variants
        >>> variant = variants.EfficientNetVariant("Tiny", 0.5, 0.5, 128, 0.1)
        >>> model = keras_efficient.EfficientNet.from_variant(variant)
        >>> model.name, model.input_shape
        ('tiny', (None, 128, 128, 3))
        """
        if dropout_rate is None:
            dropout_rate = variant.dropout_rate
        if drop_connect_rate is None:
            drop_connect_rate = variant.drop_connect_rate
        model = cls(
            include_top=include_top,
            input_tensor=input_tensor,
            input_shape=input_shape,
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            name=variant.name.lower() if name is None else name,
            width_coefficient=variant.width_coefficient,
            depth_coefficient=variant.depth_coefficient,
            resolution=variant.resolution,
            stages=variant.stages,
            scale_ends=variant.scale_ends,
            activation=variant.activation,
            pixel_mean=variant.pixel_mean,
            pixel_std=variant.pixel_std,
            dropout_rate=dropout_rate,
            drop_connect_rate=drop_connect_rate,
            include_preprocessing=include_preprocessing,
            padding=padding,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
            data_format=data_format,
            unroll_blocks=unroll_blocks,
        )
        load_pretrained(model, variant.name, weights)
        return model

    @property
    def pyramid_outputs(self) -> dict[str, Tensor]:
        """Features at each scale: `{"P1": tensor, ...}`, finest first.

        `"P3"` is `2**3` times smaller than the image. Each tensor is the
        output of the last block before the next stride, or before the last
        convolution. These are the inputs of EfficientDet (`reduction_3` to
        `reduction_5`).
        """
        blocks = [x for x in self.layers if isinstance(x, MBConvBlock)]
        if not blocks:
            last = rf"{_BLOCK}_(project_bn|add)"
            return pyramid_by_names(self, rf"{_BLOCK}_dwconv", last)
        pyramid, level = {}, 1  # the stem halves the image
        for block in blocks:
            level += block.strides == 2
            pyramid[f"P{level}"] = block_output(block)
        return pyramid


def _blocks(
    x: Tensor,
    stages: Sequence[variants.MBConvStage],
    drop_connect_rate: float,
    shared: dict[str, Any],
    unroll: bool,
) -> Tensor:
    num_blocks = sum(stage.repeats for stage in stages)
    index = 0
    for stage_number, stage in enumerate(stages, start=1):
        for repeat in range(stage.repeats):
            block = MBConvBlock(
                stage.filters,
                kernel_size=stage.kernel_size,
                strides=stage.strides if repeat == 0 else 1,
                expand_ratio=stage.expand_ratio,
                se_ratio=stage.se_ratio,
                drop_connect_rate=drop_connect_rate * index / num_blocks,
                **shared,
                name=f"block{stage_number}{_letters(repeat)}",
            )
            x = block.unroll(x) if unroll else block(x)
            index += 1
    return x


def _family(
    stages: tuple[variants.MBConvStage, ...],
    scale_ends: bool,
    activation: Activation,
) -> list[variants.EfficientNetVariant]:
    """Return the published networks that differ in their coefficients only."""
    get = keras.activations.get
    return [
        row
        for row in variants.CLASSIFICATION_VARIANTS.values()
        if (row.stages, row.scale_ends) == (stages, scale_ends)
        and get(row.activation) is get(activation)
    ]


def _letters(index: int) -> str:
    """Return the letters of a block: a, b, ... z, aa, ab, ..."""
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        letters = string.ascii_lowercase[digit] + letters
    return letters
