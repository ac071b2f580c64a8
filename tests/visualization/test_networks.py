"""Pictures of feature networks and of coefficient searches."""

import math
import sys

import pytest

from keras_efficient import feature_graphs
from keras_efficient import visualization
from keras_efficient.feature_graphs import FusionNode
from keras_efficient.plotting import new_axes
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import search_coefficients
from tests.marks import on_one_backend

pytest.importorskip("matplotlib")
pytestmark = on_one_backend


@pytest.fixture(autouse=True)
def _no_pyplot(monkeypatch):
    """No function may use `pyplot`, whose state is not thread-safe."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


def arrows(ax):
    """Return start and end of each arrow, `(column, level)`."""
    from matplotlib.text import Annotation

    found = [text for text in ax.texts if isinstance(text, Annotation)]
    return [(arrow.xyann, arrow.xy) for arrow in found]


def labels(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_bifpn():
    nodes = feature_graphs.bifpn_nodes(3, 5)
    ax = visualization.plot_feature_network(nodes, 3, 5, title="BiFPN")
    assert ax.get_title() == "BiFPN"
    assert labels(ax) == ["P3", "P4", "P5"]
    # Downwards in the first column after the inputs, upwards in the second.
    assert arrows(ax) == [
        ((0, 4), (1, 4)),
        ((0, 5), (1, 4)),
        ((0, 3), (1, 3)),
        ((1, 4), (1, 3)),
        ((0, 4), (2, 4)),
        ((1, 4), (2, 4)),
        ((1, 3), (2, 4)),
        ((0, 5), (2, 5)),
        ((2, 4), (2, 5)),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        feature_graphs.fpn_nodes,
        feature_graphs.panet_nodes,
        feature_graphs.nas_fpn_nodes,
        feature_graphs.bifpn_nodes,
    ],
)
def test_edges_are_arrows_and_features_do_not_overlap(rule):
    nodes = rule()
    ax = visualization.plot_feature_network(nodes)
    edges = sum(len(node.inputs) + len(node.added) for node in nodes)
    assert len(arrows(ax)) == edges
    places = [circle.center for circle in ax.patches[: 5 + len(nodes)]]
    assert len(set(places)) == 5 + len(nodes)


def test_draws_into_given_axes():
    ax = new_axes()
    nodes = feature_graphs.fpn_nodes()
    assert visualization.plot_feature_network(nodes, ax=ax) is ax


def test_nodes_that_do_not_form_a_network():
    with pytest.raises(ValueError, match="Received: FusionNode"):
        visualization.plot_feature_network([FusionNode(9, (0,))])


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.patches", None)
    with pytest.raises(ImportError, match=r"keras-efficient\[plot\]"):
        visualization.plot_feature_network(feature_graphs.fpn_nodes())


def test_search():
    def evaluate(c):
        return math.nan if c.width == 1 else c.depth - c.width

    search = search_coefficients(evaluate, step=0.1, verbose=False)
    ax = visualization.plot_search(search, title="toy")
    places = ax.collections[0].get_offsets()
    assert len(places) == len(search.points) == 22
    # All points are inside the triangle.
    assert (places[:, 1] >= -1e-9).all() and (places[:, 1] < 0.867).all()
    best = search.best
    numbers = f"{best.alpha:g}, {best.beta:g}, {best.gamma:g}"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [f"best: {numbers}", "paper: 1.2, 1.1, 1.15"]
    assert ax.get_title() == "toy"


def test_growth_in_one_dimension_is_at_a_corner():
    grid = [CompoundScaling(2, 1, 1), CompoundScaling(1, 1, 1.4)]
    search = search_coefficients(lambda c: c.depth, grid=grid, verbose=False)
    ax = visualization.plot_search(search)
    places = ax.collections[0].get_offsets()
    assert places.tolist() == [[0.0, 0.0], [0.5, pytest.approx(3**0.5 / 2)]]
