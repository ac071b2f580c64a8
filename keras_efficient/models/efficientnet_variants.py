"""The published EfficientNets, B0 to B7."""

from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.models.efficientnet import EfficientNet
from keras_efficient.variants import EFFICIENTNET_VARIANTS


def _build(model_name, weights, dropout_rate, **arguments):
    """Builds a variant by its row of the table, and loads its weights."""
    variant = EFFICIENTNET_VARIANTS[model_name]
    if dropout_rate is None:
        dropout_rate = variant.dropout_rate
    model = EfficientNet(
        width_coefficient=variant.width_coefficient,
        depth_coefficient=variant.depth_coefficient,
        resolution=variant.resolution,
        dropout_rate=dropout_rate,
        **arguments,
    )
    load_pretrained(model, model_name, weights)
    return model


def EfficientNetB0(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb0",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B0: 224 pixels, 5,288,548 parameters.

    Takes the place of `keras.applications.EfficientNetB0`: same arguments,
    same results with the same weights. All arguments but `weights` are those
    of `EfficientNet`.

    Args:
        include_top: See `EfficientNet`.
        weights: What to fill the model with:

            - `"imagenet"`: trained with AutoAugment, as `keras.applications`
              ships it; `"noisy-student"`, `"advprop"`, `"imagenet-baseline"`
              and `"imagenet-randaugment"` where they were published;
            - a path to a checkpoint of any format that
              `converters.load_checkpoint` reads;
            - `None` for random numbers.

            With another number of `classes` than the weights have, everything
            but the classifier is loaded. Defaults to `"imagenet"`.
        input_tensor: See `EfficientNet`.
        input_shape: See `EfficientNet`.
        pooling: See `EfficientNet`.
        classes: See `EfficientNet`.
        classifier_activation: See `EfficientNet`.
        name: See `EfficientNet`.
        include_preprocessing: See `EfficientNet`.
        dropout_rate: See `EfficientNet`. Defaults to the variant's own.
        drop_connect_rate: See `EfficientNet`.
        data_format: See `EfficientNet`.

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
    return _build("EfficientNetB0", **locals())


def EfficientNetB1(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb1",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B1: 240 pixels, 7,794,184 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB1", **locals())


def EfficientNetB2(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb2",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B2: 260 pixels, 9,109,994 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB2", **locals())


def EfficientNetB3(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb3",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B3: 300 pixels, 12,233,232 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB3", **locals())


def EfficientNetB4(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb4",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B4: 380 pixels, 19,341,616 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB4", **locals())


def EfficientNetB5(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb5",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B5: 456 pixels, 30,389,784 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB5", **locals())


def EfficientNetB6(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb6",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B6: 528 pixels, 43,040,704 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB6", **locals())


def EfficientNetB7(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb7",
    *,
    include_preprocessing=True,
    dropout_rate=None,
    drop_connect_rate=0.2,
    data_format=None,
):
    """EfficientNet-B7: 600 pixels, 66,347,960 parameters.

    See `EfficientNetB0`, whose arguments it has, and `EfficientNet`.
    """
    return _build("EfficientNetB7", **locals())
