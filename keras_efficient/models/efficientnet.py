"""EfficientNet, from its stages to a functional model.

Numbers and order of the layers follow `tensorflow/tpu`,
`models/official/efficientnet/efficientnet_model.py`; names and arguments
follow `keras.applications`.
"""

import string

import keras

from keras_efficient import variants
from keras_efficient.layers import ConvNorm
from keras_efficient.layers import ImageNormalization
from keras_efficient.layers import MBConvBlock
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.models.graph_model import GraphModel
from keras_efficient.models.inputs import check_arguments
from keras_efficient.models.inputs import image_input
from keras_efficient.models.inputs import source_of
from keras_efficient.models.parts import classification_head
from keras_efficient.models.parts import global_pool
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages


@keras.saving.register_keras_serializable(package="keras_efficient")
class EfficientNet(GraphModel):
    """EfficientNet of any width, depth and resolution.

    Images go in as they are, RGB in `[0, 255]`, of any size from 32 pixels
    on; the first layer normalises them. `EfficientNetB0` to `EfficientNetB7`
    are the published sizes:

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
        include_top: Boolean, whether the classifier is part of the model.
            Defaults to `True`.
        input_tensor: Keras tensor to build upon. Defaults to a new input.
        input_shape: Tuple `(height, width, channels)`, or channels first;
            height and width may be `None`. By default the square of
            `resolution` with the classifier, and any size without.
        pooling: `None`, `"avg"` or `"max"`: what follows the last
            convolution of a model without classifier. Defaults to `None`.
        classes: Integer, number of classes. Defaults to 1000.
        classifier_activation: Activation of the classifier; `None` for
            logits. Defaults to `"softmax"`.
        name: String, name of the model. Defaults to `"efficientnet"`.
        width_coefficient: Float, factor on the filters. Defaults to 1.
        depth_coefficient: Float, factor on the repeats. Defaults to 1.
        resolution: Integer, side of the default input. Defaults to 224.
        stages: Sequence of `variants.MBConvStage`, unscaled. Defaults to the
            paper's Table 1.
        stem_filters: Integer, unscaled filters of the first convolution.
            Defaults to 32.
        top_filters: Integer, unscaled filters of the last convolution.
            Defaults to 1280.
        divisor: Integer, all filters are multiples of it. Defaults to 8.
        activation: Activation of all blocks. Defaults to `"swish"`.
        dropout_rate: Float, dropout before the classifier. Defaults to 0.2.
        drop_connect_rate: Float, probability of dropping a sample's residual
            branch at the last block, growing linearly from 0 with the block.
            Defaults to 0.2.
        include_preprocessing: Boolean, whether the model normalises its
            pixels itself. Defaults to `True`.
        padding: String, `"same"` as all networks trained in TensorFlow, or
            `"symmetric"` as those of PyTorch. Defaults to `"same"`.
        batch_norm_momentum: Float, share of the old statistics that is kept.
            Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance: 1e-3 for networks
            trained in TensorFlow, 1e-5 for PyTorch's. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.

    Returns:
        A `keras.Model`. With the classifier its output is of shape `(batch,
        classes)`; without, `(batch, height / 32, width / 32, filters)`, or
        `(batch, filters)` after pooling.

    Raises:
        ValueError: If an argument is out of range, or the input too small.

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
        include_top=True,
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name="efficientnet",
        *,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        resolution=224,
        stages=variants.EFFICIENTNET_STAGES,
        stem_filters=variants.EFFICIENTNET_STEM_FILTERS,
        top_filters=variants.EFFICIENTNET_TOP_FILTERS,
        divisor=8,
        activation="swish",
        dropout_rate=0.2,
        drop_connect_rate=0.2,
        include_preprocessing=True,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
    ):
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
                data_format=data_format, name="preprocessing"
            )(x)
        filters = round_filters(stem_filters, width_coefficient, divisor)
        x = ConvNorm(filters, 3, strides=2, **shared).unroll(
            x, "stem_conv", "stem_bn", "stem_activation"
        )
        stages = scale_stages(
            stages, width_coefficient, depth_coefficient, divisor
        )
        x = _blocks(x, stages, drop_connect_rate, shared)
        filters = round_filters(top_filters, width_coefficient, divisor)
        x = ConvNorm(filters, **shared).unroll(
            x, "top_conv", "top_bn", "top_activation"
        )
        if include_top:
            x = classification_head(
                x, classes, classifier_activation, dropout_rate, data_format
            )
        elif pooling is not None:
            x = global_pool(x, pooling, data_format)
        super().__init__(inputs=source_of(images), outputs=x, name=name)

    @property
    def pyramid_outputs(self):
        """Features at each scale: `{"P1": tensor, ...}`, finest first.

        `"P3"` is `2**3` times smaller than the image. Each is the output of
        the last block before the next stride, ahead of the last convolution,
        as EfficientDet takes them (`reduction_3` to `reduction_5`).
        """
        blocks = [x for x in self.layers if isinstance(x, MBConvBlock)]
        pyramid, level = {}, 1  # the stem has halved the image once
        for block in blocks:
            level += block.strides == 2
            pyramid[f"P{level}"] = block.output
        return pyramid


def _blocks(x, stages, drop_connect_rate, shared):
    num_blocks = sum(stage.repeats for stage in stages)
    index = 0
    for stage_number, stage in enumerate(stages, start=1):
        for repeat in range(stage.repeats):
            x = MBConvBlock(
                stage.filters,
                kernel_size=stage.kernel_size,
                strides=stage.strides if repeat == 0 else 1,
                expand_ratio=stage.expand_ratio,
                se_ratio=stage.se_ratio,
                drop_connect_rate=drop_connect_rate * index / num_blocks,
                **shared,
                name=f"block{stage_number}{_letters(repeat)}",
            )(x)
            index += 1
    return x


def _letters(index):
    """Counts in letters: a, b, ... z, aa, ab, ..."""
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        letters = string.ascii_lowercase[digit] + letters
    return letters
