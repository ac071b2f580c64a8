"""The parts of a detector between its backbone and its heads."""

import keras

from keras_efficient.layers import BiFPNLayer
from keras_efficient.layers import FPNLayer
from keras_efficient.layers import NASFPNLayer
from keras_efficient.layers import PANetLayer
from keras_efficient.layers import ResampleFeatures

FEATURE_NETWORKS = {
    "bifpn": BiFPNLayer,
    "fpn": FPNLayer,
    "panet": PANetLayer,
    "nas_fpn": NASFPNLayer,
}


def cells(feature_network, weight_method, filters, repeats, shared):
    """The layers of the feature network, in their order.

    Args:
        feature_network: As of `EfficientDet`.
        weight_method: As of `EfficientDet`.
        filters: Integer.
        repeats: Integer.
        shared: Dict of the arguments that all parts have.

    Returns:
        A list of Keras layers.
    """
    if isinstance(feature_network, keras.layers.Layer):
        return [feature_network]
    if isinstance(feature_network, list | tuple):
        return list(feature_network)
    if feature_network not in FEATURE_NETWORKS:
        raise ValueError(
            f"`feature_network` must be one of {tuple(FEATURE_NETWORKS)}, a "
            "Keras layer or a list of layers. "
            f"Received: feature_network={feature_network!r}"
        )
    if repeats < 1:
        raise ValueError(
            f"`fpn_repeats` must be at least 1. Received: {repeats}"
        )
    arguments = dict(shared)
    if weight_method is not None:
        arguments["weight_method"] = weight_method
    cell = FEATURE_NETWORKS[feature_network]
    return [
        cell(filters, name=f"{feature_network}_{i}", **arguments)
        for i in range(repeats)
    ]


def features_model(backbone, min_level, max_level):
    """The backbone up to the levels that are wanted of it.

    Args:
        backbone: As of `EfficientDet`.
        min_level: Integer.
        max_level: Integer.

    Returns:
        A `keras.Model` with a dict of the levels as its output.
    """
    pyramid = getattr(backbone, "pyramid_outputs", None)
    if pyramid is None:
        pyramid = getattr(backbone, "output", None)
    levels = (
        [f"P{i}" for i in range(min_level, max_level + 1) if f"P{i}" in pyramid]
        if isinstance(pyramid, dict)
        else []
    )
    if f"P{min_level}" not in levels:
        received = (
            f"levels {sorted(pyramid)}"
            if isinstance(pyramid, dict)
            else f"{type(backbone).__name__} without levels"
        )
        raise ValueError(
            "`backbone` must be a `keras.Model` with `pyramid_outputs`, or "
            f'with a dict {{"P{min_level}": tensor, ...}} as its output. '
            f"Received: {received}"
        )
    return keras.Model(
        backbone.input,
        {level: pyramid[level] for level in levels},
        name="backbone",
    )


def feature_network(pyramid, cells, filters, shared):
    """A model of the levels that are missing, and of the cells.

    Args:
        pyramid: Dict of the levels that the backbone has.
        cells: List of the layers that follow each other.
        filters: Integer, filters of the missing levels.
        shared: Dict of the arguments that all parts have.

    Returns:
        A `keras.Model` from a dict of levels to one of all levels.
    """
    inputs = {
        level: keras.Input(x.shape[1:], dtype=x.dtype, name=level)
        for level, x in pyramid.items()
    }
    features = dict(inputs)
    for level in range(shared["min_level"], shared["max_level"] + 1):
        if f"P{level}" in features:
            continue
        features[f"P{level}"] = ResampleFeatures(
            filters,
            level_change=1,
            use_bias=shared["use_bias"],
            padding=shared["padding"],
            batch_norm_momentum=shared["batch_norm_momentum"],
            batch_norm_epsilon=shared["batch_norm_epsilon"],
            data_format=shared["data_format"],
            name=f"resample_p{level}",
        )(features[f"P{level - 1}"])
    for cell in cells:
        features = cell(features)
    return keras.Model(inputs, features, name="feature_network")
