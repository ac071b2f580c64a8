"""Steps that the classification networks share."""

import keras

from keras_efficient.layers import Dense
from keras_efficient.layers.initializers import dense_kernel_initializer
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Tensor


def global_pool(x: Tensor, pooling: str, data_format: DataFormat) -> Tensor:
    """Return the average (`"avg"`) or maximum (`"max"`) over the image."""
    layer = {
        "avg": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }[pooling]
    return layer(data_format=data_format, name=f"{pooling}_pool")(x)


def classification_head(
    x: Tensor,
    classes: int,
    activation: Activation,
    dropout_rate: float,
    data_format: DataFormat,
) -> Tensor:
    """Apply pooling, dropout and the dense layer of the classes."""
    x = global_pool(x, "avg", data_format)
    if dropout_rate > 0:
        x = keras.layers.Dropout(dropout_rate, name="top_dropout")(x)
    policy = keras.config.dtype_policy()
    is_half = policy.compute_dtype in ("float16", "bfloat16")
    return Dense(
        classes,
        activation=activation,
        kernel_initializer=dense_kernel_initializer(),
        # Probabilities in half precision lose their last digits.
        dtype="float32" if is_half else policy,
        name="predictions",
    )(x)
