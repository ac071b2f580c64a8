"""ResNet-50, scalable like EfficientNet.

Layers, their names and results are those of `keras.applications.ResNet50`.
`variants` has its stages.
"""

import functools
from collections.abc import Callable
from collections.abc import Sequence

import keras

from keras_efficient import variants
from keras_efficient.layers import ConvNorm
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

# As in Caffe: BGR pixels minus their mean.
_MEAN = tuple(value / 255 for value in (123.68, 116.779, 103.939))
_STD = (1 / 255,) * 3
_VERSIONS = ("v1", "v1.5")


@keras.saving.register_keras_serializable(package="keras_efficient")
class ResNet50(ClassificationModel):
    """ResNet-50 of any width, depth and resolution.

    Args:
        include_top: Boolean; see `EfficientNet`.
        weights: `None`, `"imagenet"` if the network is not scaled, or the path
            of a checkpoint, such as one of `keras.applications.ResNet50`.
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
            the paper's 50 layers.
        divisor: See `EfficientNet`.
        activation: See `EfficientNet`. Defaults to `"relu"`.
        version: String, position of the stride of a stage: `"v1"` for the
            first 1x1 convolution, as in the paper and in `keras.applications`;
            `"v1.5"` for the first 3x3 convolution, as in later code, which
            costs 6% more and is more accurate. The shapes of the weights are
            the same. Defaults to `"v1"`.
        dropout_rate: See `EfficientNet`. Defaults to 0.
        include_preprocessing: Boolean, whether the model converts RGB pixels
            in `[0, 255]` to BGR minus their mean. If `False`, inputs are the
            outputs of `keras.applications.resnet.preprocess_input`. Defaults
            to `True`.
        data_format: See `EfficientNet`.

    Returns:
        A `keras.Model`; see `EfficientNet`.

    Raises:
        ValueError: If an argument is out of range, the input too small, or
            `weights` do not fit.

    Example:
    >>> model = keras_efficient.ResNet50()
    >>> keras_efficient.counting.count_parameters(model)
    25583592
    >>> {level: x.shape[1:] for level, x in model.pyramid_outputs.items()}["P5"]
    (7, 7, 2048)

    Reference:
        - [He et al., 2015](https://arxiv.org/abs/1512.03385).
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
        name: str = "resnet50",
        *,
        width_coefficient: float | None = 1.0,
        depth_coefficient: float | None = 1.0,
        resolution: int = 224,
        stages: Sequence[ConvStage] = variants.RESNET50_STAGES,
        divisor: int = 8,
        activation: Activation = "relu",
        version: str = "v1",
        dropout_rate: float = 0.0,
        include_preprocessing: bool = True,
        data_format: DataFormat | None = None,
    ) -> None:
        check_arguments(include_top, pooling, classes)
        if version not in _VERSIONS:
            raise ValueError(
                f"`version` must be one of {_VERSIONS}. "
                f"Received: version={version!r}"
            )
        data_format = standardize_data_format(data_format)
        conv_norm = functools.partial(
            ConvNorm,
            activation=activation,
            use_bias=True,
            # Equal to `ZeroPadding2D` and `"valid"` in keras.applications.
            padding="symmetric",
            batch_norm_epsilon=1.001e-5,
            data_format=data_format,
        )
        images = image_input(
            input_tensor, input_shape, resolution, include_top, data_format
        )
        x = images
        if include_preprocessing:
            x = normalize(x, _MEAN, _STD, data_format, reverse_channels=True)
        filters = round_filters(64, width_coefficient, divisor)
        x = conv_norm(filters, 7, strides=2).unroll(
            x, "conv1_conv", "conv1_bn", "conv1_relu"
        )
        x = _pool(x, data_format)
        scaled = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor
        )
        for number, stage in enumerate(scaled, start=2):
            for repeat in range(stage.repeats):
                prefix = f"conv{number}_block{repeat + 1}"
                strides = stage.strides if repeat == 0 else 1
                shortcut = x
                if repeat == 0:
                    shortcut = conv_norm(
                        4 * stage.filters, strides=strides
                    ).unroll(x, f"{prefix}_0_conv", f"{prefix}_0_bn")
                split = (strides, 1) if version == "v1" else (1, strides)
                x = _bottleneck(x, stage.filters, split, prefix, conv_norm)
                x = keras.layers.Add(name=f"{prefix}_add")([shortcut, x])
                x = keras.layers.Activation(activation, name=f"{prefix}_out")(x)
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
            [variants.SCALABLE_NETWORKS["ResNet50"]],
            (width_coefficient, depth_coefficient),
            (tuple(stages), divisor) == (variants.RESNET50_STAGES, 8),
        )

    @property
    def pyramid_outputs(self) -> dict[str, Tensor]:
        """Features at each scale; see `EfficientNet.pyramid_outputs`."""
        pyramid = pyramid_by_names(
            self, r"pool1_pool|conv\d+_block1_0_conv", r"conv\d+_block\d+_out"
        )
        return {"P1": self.get_layer("conv1_relu").output, **pyramid}


def _pool(x: Tensor, data_format: DataFormat) -> Tensor:
    """Apply max pooling of 3x3, with zero padding."""
    x = keras.layers.ZeroPadding2D(
        1, data_format=data_format, name="pool1_pad"
    )(x)
    return keras.layers.MaxPooling2D(
        3, strides=2, data_format=data_format, name="pool1_pool"
    )(x)


def _bottleneck(
    x: Tensor,
    filters: int,
    strides: tuple[int, int],
    prefix: str,
    conv_norm: Callable[..., ConvNorm],
) -> Tensor:
    x = conv_norm(filters, strides=strides[0]).unroll(
        x, f"{prefix}_1_conv", f"{prefix}_1_bn", f"{prefix}_1_relu"
    )
    x = conv_norm(filters, 3, strides=strides[1]).unroll(
        x, f"{prefix}_2_conv", f"{prefix}_2_bn", f"{prefix}_2_relu"
    )
    return conv_norm(4 * filters).unroll(
        x, f"{prefix}_3_conv", f"{prefix}_3_bn"
    )
