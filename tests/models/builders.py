"""Models for the tests of EfficientNet."""

import keras_efficient
from keras_efficient.variants import EFFICIENTNET_STAGES


def build(name, **arguments):
    builder = getattr(keras_efficient, f"EfficientNet{name}")
    return builder(weights=None, **arguments)


def tiny(**arguments):
    """Build two stages of 8 and 16 filters, for tests independent of size."""
    return keras_efficient.EfficientNet(
        **{
            "width_coefficient": 0.3,
            "resolution": 40,
            "classes": 5,
            "stages": EFFICIENTNET_STAGES[:3],
            "top_filters": 64,
            "drop_connect_rate": 0.1,
            **arguments,
        }
    )
