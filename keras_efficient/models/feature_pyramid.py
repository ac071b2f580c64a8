"""The parts of a detector before its heads: backbone and feature network."""

from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras

from keras_efficient.layers import BiFPNLayer
from keras_efficient.layers import FPNLayer
from keras_efficient.layers import NASFPNLayer
from keras_efficient.layers import PANetLayer
from keras_efficient.layers import ResampleFeatures
from keras_efficient.types import Tensor

# Name of a feature network, a layer, or successive layers.
FeatureNetwork: TypeAlias = (
    str | keras.layers.Layer | Sequence[keras.layers.Layer]
)
FEATURE_NETWORKS = {
    "bifpn": BiFPNLayer,
    "fpn": FPNLayer,
    "panet": PANetLayer,
    "nas_fpn": NASFPNLayer,
}


def build_backbone(
    backbone: keras.Model, min_level: int, max_level: int
) -> keras.Model:
    """Return a model of the backbone up to the levels that a detector uses.

    Args:
        backbone: See `EfficientDet`.
        min_level: Integer, finest level.
        max_level: Integer, coarsest level.

    Returns:
        A `keras.Model` with a dict of level to tensor as its output.

    Raises:
        ValueError: If the backbone has no pyramid that begins at `min_level`.
    """
    pyramid: Any = getattr(backbone, "pyramid_outputs", None)
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


def build_feature_network(
    pyramid: dict[str, Tensor],
    feature_network: FeatureNetwork,
    weight_method: str | None,
    filters: int,
    repeats: int,
    shared: dict[str, Any],
) -> keras.Model:
    """Return a model of the missing levels and the cells.

    Args:
        pyramid: Dict of level to output of the backbone.
        feature_network: See `EfficientDet`.
        weight_method: See `EfficientDet`.
        filters: Integer, filters of the missing levels and of the cells.
        repeats: Integer, number of cells.
        shared: Dict of the arguments that all parts of the detector have.

    Returns:
        A `keras.Model` from a dict of levels to a dict of all levels.

    Raises:
        ValueError: If `feature_network` is unknown or `repeats` is below 1.
    """
    cells = _cells(feature_network, weight_method, filters, repeats, shared)
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


def _cells(
    feature_network: FeatureNetwork,
    weight_method: str | None,
    filters: int,
    repeats: int,
    shared: dict[str, Any],
) -> list[keras.layers.Layer]:
    """Return the layers of the feature network in their order."""
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
