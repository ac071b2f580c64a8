"""MobileNetV1 and MobileNetV2, scalable like EfficientNet.

Layers, their names and results are those of `keras.applications.MobileNet`
and `MobileNetV2`. `variants` has their stages.
"""

import functools
from collections.abc import Callable
from collections.abc import Sequence

import keras

from keras_efficient import variants
from keras_efficient.layers import ConvNorm
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.models.classification_model import ClassificationModel
from keras_efficient.models.classification_model import classification_top
from keras_efficient.models.classification_model import load_weights
from keras_efficient.models.classification_model import pyramid_by_names
from keras_efficient.models.inputs import check_arguments
from keras_efficient.models.inputs import image_input
from keras_efficient.models.inputs import normalize
from keras_efficient.models.inputs import source_of
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.types import Tensor
from keras_efficient.variants import ConvStage
from keras_efficient.variants import MBConvStage

# Scales pixels to [-1, 1].
_MEAN = _STD = (0.5, 0.5, 0.5)


@keras.saving.register_keras_serializable(package="keras_efficient")
class MobileNetV1(ClassificationModel):
    """MobileNetV1 of any width, depth and resolution.

    Args:
        include_top: Boolean; see `EfficientNet`.
        weights: `None`, `"imagenet"` if the network is not scaled, or the path
            of a checkpoint, such as one of `keras.applications.MobileNet`.
            Defaults to `None`.
        input_tensor: See `EfficientNet`.
        input_shape: See `EfficientNet`.
        pooling: See `EfficientNet`.
        classes: See `EfficientNet`.
        classifier_activation: See `EfficientNet`.
        name: See `EfficientNet`.
        width_coefficient: See `EfficientNet`.
        depth_coefficient: See `EfficientNet`.
        resolution: See `EfficientNet`.
        stages: Sequence of `variants.ConvStage`, before scaling. Defaults to
            the paper's Table 1.
        divisor: See `EfficientNet`.
        activation: See `EfficientNet`. Defaults to `"relu6"`.
        dropout_rate: See `EfficientNet`. Defaults to 0.001.
        include_preprocessing: Boolean, whether the model scales pixels from
            `[0, 255]` to `[-1, 1]`. If `False`, inputs are the outputs of
            `keras.applications.mobilenet.preprocess_input`. Defaults to
            `True`.
        data_format: See `EfficientNet`.

    Returns:
        A `keras.Model`; see `EfficientNet`.

    Raises:
        ValueError: If an argument is out of range, the input too small, or
            `weights` do not fit.

    Example:
    >>> model = keras_efficient.MobileNetV1()
    >>> keras_efficient.counting.count_parameters(model)
    4231976
    >>> model = keras_efficient.MobileNetV1(
    ...     width_coefficient=1.2, depth_coefficient=1.4, resolution=288
    ... )
    >>> model.pyramid_outputs["P5"].shape
    (None, 9, 9, 1232)

    Reference:
        - [Howard et al., 2017](https://arxiv.org/abs/1704.04861).
    """

    def __init__(
        self,
        include_top: bool = True,
        weights: PathLike | None = None,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Activation = "softmax",
        name: str = "mobilenetv1",
        *,
        width_coefficient: float | None = 1.0,
        depth_coefficient: float | None = 1.0,
        resolution: int = 224,
        stages: Sequence[ConvStage] = variants.MOBILENET_V1_STAGES,
        divisor: int = 8,
        activation: Activation = "relu6",
        dropout_rate: float = 1e-3,
        include_preprocessing: bool = True,
        data_format: DataFormat | None = None,
    ) -> None:
        check_arguments(include_top, pooling, classes)
        data_format = standardize_data_format(data_format)
        conv_norm = functools.partial(
            ConvNorm, activation=activation, data_format=data_format
        )
        images = image_input(
            input_tensor, input_shape, resolution, include_top, data_format
        )
        x = images
        if include_preprocessing:
            x = normalize(x, _MEAN, _STD, data_format)
        filters = round_filters(32, width_coefficient, divisor)
        x = conv_norm(filters, 3, strides=2).unroll(
            x, "conv1", "conv1_bn", "conv1_relu"
        )
        scaled = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor
        )
        number = 0
        for stage in scaled:
            for repeat in range(stage.repeats):
                number += 1
                strides = stage.strides if repeat == 0 else 1
                depthwise = conv_norm(
                    kernel_size=3, strides=strides, convolution="depthwise"
                )
                name = f"conv_dw_{number}"
                x = depthwise.unroll(x, name, f"{name}_bn", f"{name}_relu")
                name = f"conv_pw_{number}"
                x = conv_norm(stage.filters).unroll(
                    x, name, f"{name}_bn", f"{name}_relu"
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
        load_weights(
            self,
            weights,
            [variants.SCALABLE_NETWORKS["MobileNetV1"]],
            (width_coefficient, depth_coefficient),
            (tuple(stages), divisor) == (variants.MOBILENET_V1_STAGES, 8),
        )

    @property
    def pyramid_outputs(self) -> dict[str, Tensor]:
        """Features at each scale; see `EfficientNet.pyramid_outputs`."""
        return pyramid_by_names(self, r"conv_dw_\d+", r"conv_pw_\d+_relu")


@keras.saving.register_keras_serializable(package="keras_efficient")
class MobileNetV2(ClassificationModel):
    """MobileNetV2 of any width, depth and resolution.

    Args:
        include_top: Boolean; see `EfficientNet`.
        weights: `None`, `"imagenet"` if the network is not scaled, or the path
            of a checkpoint, such as one of `keras.applications.MobileNetV2`.
            Defaults to `None`.
        input_tensor: See `EfficientNet`.
        input_shape: See `EfficientNet`.
        pooling: See `EfficientNet`.
        classes: See `EfficientNet`.
        classifier_activation: See `EfficientNet`.
        name: See `EfficientNet`.
        width_coefficient: See `EfficientNet`. Below 1 it leaves the last
            convolution as wide as it is, as the paper says.
        depth_coefficient: See `EfficientNet`.
        resolution: See `EfficientNet`.
        stages: Sequence of `variants.MBConvStage`, unscaled, without
            squeeze-and-excitation. Defaults to the paper's Table 2.
        divisor: See `EfficientNet`.
        activation: See `EfficientNet`. Defaults to `"relu6"`.
        dropout_rate: See `EfficientNet`. Defaults to 0.
        include_preprocessing: See `MobileNetV1`.
        data_format: See `EfficientNet`.

    Returns:
        A `keras.Model`; see `EfficientNet`.

    Raises:
        ValueError: If an argument is out of range, the input too small, or
            `weights` do not fit.

    Example:
    >>> model = keras_efficient.MobileNetV2()
    >>> keras_efficient.counting.count_parameters(model)
    3504872

    Reference:
        - [Sandler et al., 2018](https://arxiv.org/abs/1801.04381).
    """

    def __init__(
        self,
        include_top: bool = True,
        weights: PathLike | None = None,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Activation = "softmax",
        name: str = "mobilenetv2",
        *,
        width_coefficient: float | None = 1.0,
        depth_coefficient: float | None = 1.0,
        resolution: int = 224,
        stages: Sequence[MBConvStage] = variants.MOBILENET_V2_STAGES,
        divisor: int = 8,
        activation: Activation = "relu6",
        dropout_rate: float = 0.0,
        include_preprocessing: bool = True,
        data_format: DataFormat | None = None,
    ) -> None:
        check_arguments(include_top, pooling, classes)
        data_format = standardize_data_format(data_format)
        conv_norm = functools.partial(
            ConvNorm,
            activation=activation,
            batch_norm_momentum=0.999,
            data_format=data_format,
        )
        images = image_input(
            input_tensor, input_shape, resolution, include_top, data_format
        )
        x = images
        if include_preprocessing:
            x = normalize(x, _MEAN, _STD, data_format)
        filters = round_filters(32, width_coefficient, divisor)
        x = conv_norm(filters, 3, strides=2).unroll(
            x, "Conv1", "bn_Conv1", "Conv1_relu"
        )
        scaled = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor
        )
        number = 0
        for stage in scaled:
            for repeat in range(stage.repeats):
                prefix = f"block_{number}" if number else "expanded_conv"
                strides = stage.strides if repeat == 0 else 1
                x = _inverted_residual(x, stage, strides, prefix, conv_norm)
                number += 1
        width = max(width_coefficient or 1.0, 1.0)
        filters = round_filters(1280, width, divisor)
        x = conv_norm(filters).unroll(x, "Conv_1", "Conv_1_bn", "out_relu")
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
        load_weights(
            self,
            weights,
            [variants.SCALABLE_NETWORKS["MobileNetV2"]],
            (width_coefficient, depth_coefficient),
            (tuple(stages), divisor) == (variants.MOBILENET_V2_STAGES, 8),
        )

    @property
    def pyramid_outputs(self) -> dict[str, Tensor]:
        """Features at each scale; see `EfficientNet.pyramid_outputs`."""
        return pyramid_by_names(
            self,
            r"(expanded_conv|block_\d+)_depthwise",
            r"(expanded_conv|block_\d+)_(project_BN|add)",
        )


def _inverted_residual(
    inputs: Tensor,
    stage: MBConvStage,
    strides: int,
    prefix: str,
    conv_norm: Callable[..., ConvNorm],
) -> Tensor:
    projection = conv_norm(stage.filters)
    channels = inputs.shape[channel_axis(projection.data_format)]
    x = inputs
    # The first block has no expansion: its layers start at depthwise.
    if stage.expand_ratio != 1:
        x = conv_norm(int(channels * stage.expand_ratio)).unroll(
            x,
            f"{prefix}_expand",
            f"{prefix}_expand_BN",
            f"{prefix}_expand_relu",
        )
    depthwise = conv_norm(
        kernel_size=stage.kernel_size, strides=strides, convolution="depthwise"
    )
    x = depthwise.unroll(
        x,
        f"{prefix}_depthwise",
        f"{prefix}_depthwise_BN",
        f"{prefix}_depthwise_relu",
    )
    x = projection.unroll(x, f"{prefix}_project", f"{prefix}_project_BN")
    if strides == 1 and channels == stage.filters:
        x = keras.layers.Add(name=f"{prefix}_add")([inputs, x])
    return x
