"""ResNet-50, scalable as EfficientNet.

Layers, their names and results are those of `keras.applications.ResNet50`;
what the network is made of stands in `variants`.
"""

import functools

import keras

from keras_efficient import variants
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.layers import ConvNorm
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.models.graph_model import GraphModel
from keras_efficient.models.inputs import check_arguments
from keras_efficient.models.inputs import image_input
from keras_efficient.models.inputs import source_of
from keras_efficient.models.parts import classification_head
from keras_efficient.models.parts import global_pool
from keras_efficient.models.scalable import normalize
from keras_efficient.models.scalable import pyramid_of
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages

# Pixels less their mean, blue first: as Caffe had them.
_MEAN = tuple(value / 255 for value in (123.68, 116.779, 103.939))
_STD = (1 / 255,) * 3
_VERSIONS = ("v1", "v1.5")


@keras.saving.register_keras_serializable(package="keras_efficient")
class ResNet50(GraphModel):
    """ResNet-50 of any width, depth and resolution.

    Args:
        include_top: Boolean; see `EfficientNet`.
        weights: `None`, `"imagenet"` (of the unscaled network), or a path of
            weights of `keras.applications.ResNet50`. Defaults to `None`.
        input_tensor: See `EfficientNet`.
        input_shape: See `EfficientNet`.
        pooling: See `EfficientNet`.
        classes: See `EfficientNet`.
        classifier_activation: See `EfficientNet`.
        name: See `EfficientNet`.
        width_coefficient: See `EfficientNet`.
        depth_coefficient: See `EfficientNet`.
        resolution: See `EfficientNet`.
        stages: Sequence of `variants.ConvStage`, unscaled. Defaults to the
            paper's 50 layers.
        divisor: See `EfficientNet`.
        activation: See `EfficientNet`. Defaults to `"relu"`.
        version: String, where a stage's stride is: `"v1"`, in its first 1x1
            convolution, as in the paper and in `keras.applications`; or
            `"v1.5"`, in its first 3x3 convolution, as in later code, which
            costs 6% more and is more accurate. Their weights have the same
            shapes. Defaults to `"v1"`.
        dropout_rate: See `EfficientNet`. Defaults to 0.
        include_preprocessing: Boolean, whether the model turns pixels in
            `[0, 255]`, red first, into what its weights were trained on: blue
            first, less their mean. Defaults to `True`; `False` takes what
            `keras.applications.resnet.preprocess_input` gives.
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
        include_top=True,
        weights=None,
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name="resnet50",
        *,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        resolution=224,
        stages=variants.RESNET50_STAGES,
        divisor=8,
        activation="relu",
        version="v1",
        dropout_rate=0.0,
        include_preprocessing=True,
        data_format=None,
    ):
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
        stages = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor
        )
        for number, stage in enumerate(stages, start=2):
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
        if include_top:
            x = classification_head(
                x, classes, classifier_activation, dropout_rate, data_format
            )
        elif pooling is not None:
            x = global_pool(x, pooling, data_format)
        super().__init__(inputs=source_of(images), outputs=x, name=name)
        load_pretrained(self, "ResNet50", weights)

    @property
    def pyramid_outputs(self):
        """Features at each scale; see `EfficientNet.pyramid_outputs`."""
        pyramid = pyramid_of(
            self, r"pool1_pool|conv\d+_block1_0_conv", r"conv\d+_block\d+_out"
        )
        return {"P1": self.get_layer("conv1_relu").output, **pyramid}


def _pool(x, data_format):
    """The maximum of each 3x3, with zeros around the features."""
    x = keras.layers.ZeroPadding2D(
        1, data_format=data_format, name="pool1_pad"
    )(x)
    return keras.layers.MaxPooling2D(
        3, strides=2, data_format=data_format, name="pool1_pool"
    )(x)


def _bottleneck(x, filters, strides, prefix, conv_norm):
    x = conv_norm(filters, strides=strides[0]).unroll(
        x, f"{prefix}_1_conv", f"{prefix}_1_bn", f"{prefix}_1_relu"
    )
    x = conv_norm(filters, 3, strides=strides[1]).unroll(
        x, f"{prefix}_2_conv", f"{prefix}_2_bn", f"{prefix}_2_relu"
    )
    return conv_norm(4 * filters).unroll(
        x, f"{prefix}_3_conv", f"{prefix}_3_bn"
    )
