"""Recognizing the operators of a graph that belong to the network."""

import pytest

from keras_efficient.export.formats.graph_partition import between
from keras_efficient.export.formats.graph_partition import with_small_maps

# Operators with their inputs and outputs. The resizing before the network is a
# product as well; the output of one branch is unused.
GRAPH = {
    "resize": (["image"], ["small"]),
    "conv": (["small"], ["maps"]),
    "relu": (["maps"], ["bright"]),
    "shape": (["image"], ["sides"]),
    "scale": (["bright", "sides"], ["scaled"]),
    "look": (["bright"], ["unused"]),
    "dense": (["scaled"], ["logits"]),
    "softmax": (["logits"], ["probabilities"]),
}


def chosen(weighty):
    return between(
        list(GRAPH),
        lambda name: GRAPH[name][0],
        lambda name: GRAPH[name][1],
        lambda name, is_behind: (
            name in weighty and (is_behind or name == "conv")
        ),
    )


@pytest.mark.parametrize(
    "weighty, expected",
    [
        (("conv", "dense"), ["conv", "relu", "scale", "dense"]),
        (("resize", "conv", "dense"), ["conv", "relu", "scale", "dense"]),
        (("conv",), ["conv"]),
        ((), []),
    ],
)
def test_between(weighty, expected):
    assert chosen(weighty) == expected


def test_with_small_maps():
    # Squeeze and excitation, up to the product with a feature map.
    graph = {
        "stem": (["image", "weights"], ["half"], 4),
        "block": (["half"], ["eighth"], 2),
        "pool": (["eighth"], ["pixel"], 1),
        "reduce": (["pixel", "weights"], ["gates"], 1),
        "excite": (["eighth", "gates"], ["excited"], 1),
        "up": (["excited"], ["wide"], 1),
    }
    chosen = with_small_maps(
        list(graph),
        lambda name: graph[name][0],
        lambda name: graph[name][1],
        lambda name: graph[name][2],
        lambda name: name == "pool",
    )
    assert chosen == ["block", "excite", "up"]
