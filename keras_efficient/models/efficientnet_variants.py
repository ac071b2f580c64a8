"""The published EfficientNets, B0 to B7."""

from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import PathLike
from keras_efficient.types import Shape
from keras_efficient.types import Tensor
from keras_efficient.variants import EFFICIENTNET_VARIANTS


def EfficientNetB0(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb0",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B0: 224 pixels, 5,288,548 parameters.

    Replaces `keras.applications.EfficientNetB0`, with the same arguments and,
    given the same weights, the same results.

    Args:
        include_top: See `EfficientNet`.
        weights: Weights to load:

            - `"imagenet"`, trained with AutoAugment, as in
              `keras.applications`; `"noisy-student"`, `"advprop"`,
              `"imagenet-baseline"` and `"imagenet-randaugment"` where they
              were published;
            - the path of a checkpoint of any format that
              `converters.load_checkpoint` reads;
            - `None` for random weights.

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
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=5)
    >>> model.input_shape, model.output_shape
    ((None, 224, 224, 3), (None, 5))
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB0"],
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


def EfficientNetB1(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb1",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B1: 240 pixels, 7,794,184 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB1"],
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


def EfficientNetB2(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb2",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B2: 260 pixels, 9,109,994 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB2"],
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


def EfficientNetB3(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb3",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B3: 300 pixels, 12,233,232 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB3"],
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


def EfficientNetB4(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb4",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B4: 380 pixels, 19,341,616 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB4"],
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


def EfficientNetB5(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb5",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B5: 456 pixels, 30,389,784 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB5"],
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


def EfficientNetB6(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb6",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B6: 528 pixels, 43,040,704 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB6"],
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


def EfficientNetB7(
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "efficientnetb7",
    *,
    include_preprocessing: bool = True,
    dropout_rate: float | None = None,
    drop_connect_rate: float | None = None,
    data_format: DataFormat | None = None,
    unroll_blocks: bool = False,
) -> EfficientNet:
    """EfficientNet-B7: 600 pixels, 66,347,960 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return EfficientNet.from_variant(
        EFFICIENTNET_VARIANTS["EfficientNetB7"],
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
