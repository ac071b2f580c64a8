"""Tests for the lists of nodes, compared with those of their sources."""

import pytest

from keras_efficient import feature_graphs
from keras_efficient.feature_graphs import FusionNode
from keras_efficient.feature_graphs import bifpn_nodes
from keras_efficient.feature_graphs import fpn_nodes
from keras_efficient.feature_graphs import levels_of_features
from keras_efficient.feature_graphs import nas_fpn_nodes
from keras_efficient.feature_graphs import output_features
from keras_efficient.feature_graphs import panet_nodes
from tests.marks import on_one_backend

pytestmark = on_one_backend


def pairs(nodes):
    return [(node.level, list(node.inputs)) for node in nodes]


# google/automl, fpn_configs_test.py and D7x.
BIFPN = {
    (3, 7): [
        (6, [3, 4]),
        (5, [2, 5]),
        (4, [1, 6]),
        (3, [0, 7]),
        (4, [1, 7, 8]),
        (5, [2, 6, 9]),
        (6, [3, 5, 10]),
        (7, [4, 11]),
    ],
    (2, 7): [
        (6, [4, 5]),
        (5, [3, 6]),
        (4, [2, 7]),
        (3, [1, 8]),
        (2, [0, 9]),
        (3, [1, 9, 10]),
        (4, [2, 8, 11]),
        (5, [3, 7, 12]),
        (6, [4, 6, 13]),
        (7, [5, 14]),
    ],
    (3, 8): [
        (7, [4, 5]),
        (6, [3, 6]),
        (5, [2, 7]),
        (4, [1, 8]),
        (3, [0, 9]),
        (4, [1, 9, 10]),
        (5, [2, 8, 11]),
        (6, [3, 7, 12]),
        (7, [4, 6, 13]),
        (8, [5, 14]),
    ],
}


@pytest.mark.parametrize("levels", BIFPN)
def test_bifpn(levels):
    nodes = bifpn_nodes(*levels)
    assert pairs(nodes) == BIFPN[levels]
    assert {node.merge for node in nodes} == {"weighted"}


def test_fpn_goes_down_only():
    assert pairs(fpn_nodes(3, 7)) == [
        (6, [3, 4]),
        (5, [2, 5]),
        (4, [1, 6]),
        (3, [0, 7]),
    ]


def test_panet_goes_down_and_up():
    assert pairs(panet_nodes(3, 7))[4:] == [
        (4, [7, 8]),
        (5, [6, 9]),
        (6, [5, 10]),
        (7, [4, 11]),
    ]
    assert panet_nodes(3, 7)[:4] == fpn_nodes(3, 7)


def test_nas_fpn():
    # Section 3.6 of the specification.
    merges = [(n.level, n.merge, n.inputs, n.added) for n in nas_fpn_nodes()]
    assert merges == [
        (4, "attention", (1, 3), ()),
        (4, "sum", (1, 5), ()),
        (3, "sum", (0, 6), ()),
        (4, "sum", (6, 7), ()),
        (5, "attention", (7, 8), (2,)),
        (7, "attention", (6, 9), (4,)),
        (6, "attention", (9, 10), (3,)),
    ]
    # Every input of the cell is used.
    used = {i for n in nas_fpn_nodes() for i in (*n.inputs, *n.added)}
    assert used >= {0, 1, 2, 3, 4}
    assert output_features(nas_fpn_nodes(), 3, 7) == {
        3: 7,
        4: 8,
        5: 9,
        6: 11,
        7: 10,
    }


def test_outputs_are_the_last_of_each_level():
    assert levels_of_features(bifpn_nodes(3, 5), 3, 5) == (3, 4, 5, 4, 3, 4, 5)
    assert output_features(fpn_nodes(3, 5), 3, 5) == {3: 4, 4: 3, 5: 2}
    assert output_features((), 3, 4) == {3: 0, 4: 1}


@pytest.mark.parametrize(
    "rule", [fpn_nodes, panet_nodes, bifpn_nodes, nas_fpn_nodes]
)
@pytest.mark.parametrize("levels", [(3, 3), (5, 4), (-1, 4)])
def test_levels_out_of_range(rule, levels):
    with pytest.raises(ValueError, match=f"min_level={levels[0]}"):
        rule(*levels)


def test_nas_fpn_rejects_other_levels():
    with pytest.raises(ValueError, match="levels 3 to 7.*max_level=8"):
        nas_fpn_nodes(3, 8)


@pytest.mark.parametrize(
    "node",
    [
        FusionNode(3, (0, 2)),  # the third feature does not exist yet
        FusionNode(5, (0, 1)),
        FusionNode(3, ()),
        FusionNode(3, (0, 1), "product"),
        FusionNode(3, (0,), "attention"),
        FusionNode(3, (0,), added=(1,)),  # of another level
    ],
)
def test_invalid_nodes_are_errors(node):
    with pytest.raises(ValueError, match="Received: FusionNode"):
        feature_graphs.levels_of_features([node], 3, 4)
