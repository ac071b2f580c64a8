"""Models for the tests of EfficientDet."""

import numpy as np

import keras_efficient
from keras_efficient.variants import MBConvStage

TINY_STAGES = (
    MBConvStage(1, 3, 1, 8, 1),
    MBConvStage(2, 3, 2, 8, 1),
    MBConvStage(2, 3, 2, 16, 1),
    MBConvStage(2, 3, 2, 24, 1),
)


def build(name, **arguments):
    builder = getattr(keras_efficient, f"EfficientDet{name}")
    return builder(weights=None, backbone_weights=None, **arguments)


def tiny(**arguments):
    """Build a detector of 16 filters on a backbone of four blocks, up to P5."""
    backbone = keras_efficient.EfficientNet(
        include_top=False,
        stages=TINY_STAGES,
        stem_filters=8,
        top_filters=8,
        drop_connect_rate=0.0,
        input_shape=arguments.pop("input_shape", (64, 96, 3)),
        data_format=arguments.get("data_format"),
    )
    return keras_efficient.EfficientDet(
        backbone,
        **{
            "num_classes": 3,
            "fpn_filters": 16,
            "fpn_repeats": 1,
            "head_repeats": 1,
            "max_level": 5,
            **arguments,
        },
    )


def image(*shape, seed=0):
    pixels = np.random.default_rng(seed).uniform(0, 255, shape)
    return pixels.astype("float32")


def predict(model, x):
    return model.predict(x, verbose=0)
