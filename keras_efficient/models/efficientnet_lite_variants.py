"""The published EfficientNets for mobile devices, Lite0 to Lite4."""

from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.types import Tensor
from keras_efficient.variants import EFFICIENTNET_LITE_VARIANTS


def EfficientNetLite0(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetlite0",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-Lite0: 224 pixels, 4,652,008 parameters.

    The Lite networks are made for mobile and embedded processors, and keep
    their accuracy in 8 bits: they have no squeeze-and-excitation, ReLU6 in
    place of swish, and equally many filters in the first and in the last
    convolution, whatever their size. They normalize pixels to `(x - 127) /
    128`; inputs are RGB in `[0, 255]`, as those of `EfficientNetB0`.

    Args:
        include_top: See `EfficientNet`.
        weights: `"imagenet"`, the path of a checkpoint of any format that
            `converters.load_checkpoint` reads, or `None` for random weights.
            If the number of `classes` differs from that of the weights,
            everything except the classifier is loaded. Defaults to
            `"imagenet"`.
        input_tensor: See `EfficientNet`.
        input_shape: See `EfficientNet`.
        pooling: See `EfficientNet`.
        classes: See `EfficientNet`.
        classifier_activation: See `EfficientNet`.
        name: See `EfficientNet`.
        include_preprocessing: See `EfficientNet`.
        dropout_rate: See `EfficientNet`. Defaults to the variant's.
        drop_connect_rate: See `EfficientNet`. Defaults to the variant's, 0.2.
        data_format: See `EfficientNet`.
        unroll_blocks: See `EfficientNet`.

    Returns:
        An `EfficientNet`, which is a `keras.Model`.

    Raises:
        ValueError: If `weights` is unknown or does not fit, or another
            argument is out of range.

    Example:
    >>> model = keras_efficient.EfficientNetLite0(weights=None, classes=5)
    >>> model.input_shape, model.output_shape
    ((None, 224, 224, 3), (None, 5))

    Reference:
        - [tensorflow/tpu](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_LITE_VARIANTS["EfficientNetLite0"],
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        name=name,
        include_preprocessing=include_preprocessing,
        dropout_rate=dropout_rate,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        unroll_blocks=unroll_blocks,
    )


def EfficientNetLite1(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetlite1",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-Lite1: 240 pixels, 5,416,680 parameters.

    See `EfficientNetLite0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_LITE_VARIANTS["EfficientNetLite1"],
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        name=name,
        include_preprocessing=include_preprocessing,
        dropout_rate=dropout_rate,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        unroll_blocks=unroll_blocks,
    )


def EfficientNetLite2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetlite2",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-Lite2: 260 pixels, 6,092,072 parameters.

    See `EfficientNetLite0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_LITE_VARIANTS["EfficientNetLite2"],
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        name=name,
        include_preprocessing=include_preprocessing,
        dropout_rate=dropout_rate,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        unroll_blocks=unroll_blocks,
    )


def EfficientNetLite3(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetlite3",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-Lite3: 280 pixels, 8,197,096 parameters.

    See `EfficientNetLite0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_LITE_VARIANTS["EfficientNetLite3"],
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        name=name,
        include_preprocessing=include_preprocessing,
        dropout_rate=dropout_rate,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        unroll_blocks=unroll_blocks,
    )


def EfficientNetLite4(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetlite4",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-Lite4: 300 pixels, 13,006,568 parameters.

    See `EfficientNetLite0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_LITE_VARIANTS["EfficientNetLite4"],
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        name=name,
        include_preprocessing=include_preprocessing,
        dropout_rate=dropout_rate,
        drop_connect_rate=drop_connect_rate,
        data_format=data_format,
        unroll_blocks=unroll_blocks,
    )
