"""Feature networks as lists of nodes.

FPN, PANet, NAS-FPN and BiFPN differ only in their connections, so that each is
a list of `FusionNode`, which `layers.FeatureNetworkLayer` runs. Features are
numbered: 0 is the input of `min_level`, 1 that of the next level, and so on;
each node adds the next number. The output of a level is its last feature.
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class FusionNode:
    """Fusion of features of several levels into a new feature.

    Attributes:
        level: Level of the new feature, which is `2**level` times smaller
            than the image.
        inputs: Numbers of the features that are resampled to this level and
            merged.
        merge: `"weighted"`, by the layer's `weight_method`; `"sum"`; or
            `"attention"`, which weighs the finer of two features by the
            coarser one and adds it. Defaults to `"weighted"`.
        added: Numbers of features of this level that are added to the merged
            feature. Defaults to none.
    """

    level: int
    inputs: tuple[int, ...]
    merge: str = "weighted"
    added: tuple[int, ...] = ()


MERGES = ("weighted", "sum", "attention")


def fpn_nodes(min_level: int = 3, max_level: int = 7) -> tuple:
    """Return the nodes of FPN: top-down only.

    ```
    P7 ────────── P7
                  ↓
    P6 ─────────→ 0
                  ↓
    P5 ─────────→ 1
                  ↓
    P4 ─────────→ 2
                  ↓
    P3 ─────────→ 3
    ```

    Args:
        min_level: Finest level. Defaults to 3.
        max_level: Coarsest level. Defaults to 7.

    Returns:
        A tuple of `FusionNode`.

    Raises:
        ValueError: If there are fewer than two levels.

    Example:
    >>> fpn_nodes(3, 5)[0]
    FusionNode(level=4, inputs=(1, 2), merge='weighted', added=())

    Reference:
        - [Lin et al., 2017](https://arxiv.org/abs/1612.03144).
    """
    graph = _Graph(min_level, max_level)
    graph.go_down()
    return graph.nodes


def panet_nodes(min_level: int = 3, max_level: int = 7) -> tuple:
    """Return the nodes of PANet: top-down, then bottom-up.

    ```
    P7 ────────── P7 ─→ 7
                  ↓     ↑
    P6 ─────────→ 0 ──→ 6
                  ↓     ↑
    P5 ─────────→ 1 ──→ 5
                  ↓     ↑
    P4 ─────────→ 2 ──→ 4
                  ↓     ↑
    P3 ─────────→ 3 ────┘
    ```

    Args:
        min_level: Finest level. Defaults to 3.
        max_level: Coarsest level. Defaults to 7.

    Returns:
        A tuple of `FusionNode`.

    Raises:
        ValueError: If there are fewer than two levels.

    Example:
    >>> [node.inputs for node in panet_nodes(3, 5)]
    [(1, 2), (0, 3), (3, 4), (2, 5)]

    Reference:
        - [Liu et al., 2018](https://arxiv.org/abs/1803.01534).
    """
    graph = _Graph(min_level, max_level)
    graph.go_down()
    graph.go_up(with_inputs=False)
    return graph.nodes


def bifpn_nodes(min_level: int = 3, max_level: int = 7) -> tuple:
    """Return the nodes of BiFPN: top-down, then bottom-up with the inputs.

    ```
    P7 ──────────┬────→ 7
                 ↓      ↑
    P6 ──┬─────→ 0 ───→ 6
         └──────┼─────↗ ↑
    P5 ──┬─────→ 1 ───→ 5
         └──────┼─────↗ ↑
    P4 ──┬─────→ 2 ───→ 4
         └──────┼─────↗ ↑
    P3 ────────→ 3 ─────┘
    ```

    Args:
        min_level: Finest level. Defaults to 3.
        max_level: Coarsest level. Defaults to 7.

    Returns:
        A tuple of `FusionNode`, in the order of google/automl,
        `efficientdet/tf2/fpn_configs.py`.

    Raises:
        ValueError: If there are fewer than two levels.

    Example:
    >>> [node.inputs for node in bifpn_nodes(3, 5)]
    [(1, 2), (0, 3), (1, 3, 4), (2, 5)]

    Reference:
        - [Tan et al., 2020, section 3](https://arxiv.org/abs/1911.09070).
    """
    graph = _Graph(min_level, max_level)
    graph.go_down()
    graph.go_up(with_inputs=True)
    return graph.nodes


def nas_fpn_nodes(min_level: int = 3, max_level: int = 7) -> tuple:
    """Return the nodes of NAS-FPN, found by architecture search.

    It is defined for levels 3 to 7 only. Outputs add the input of their level
    if no other node uses it.

    Args:
        min_level: Finest level, 3.
        max_level: Coarsest level, 7.

    Returns:
        A tuple of `FusionNode`.

    Raises:
        ValueError: For other levels.

    Example:
    >>> len(nas_fpn_nodes())
    7

    Reference:
        - [Ghiasi et al., 2019, Figure 6](https://arxiv.org/abs/1904.07392),
          with the numbers of `tensorflow/tpu`, `nasfpn.py`.
    """
    if (min_level, max_level) != (3, 7):
        raise ValueError(
            "NAS-FPN is defined for levels 3 to 7 only. "
            f"Received: min_level={min_level}, max_level={max_level}"
        )
    return (
        FusionNode(4, (1, 3), "attention"),
        FusionNode(4, (1, 5), "sum"),
        FusionNode(3, (0, 6), "sum"),
        FusionNode(4, (6, 7), "sum"),
        FusionNode(5, (7, 8), "attention", added=(2,)),
        FusionNode(7, (6, 9), "attention", added=(4,)),
        FusionNode(6, (9, 10), "attention", added=(3,)),
    )


def levels_of_features(
    nodes: Sequence[FusionNode], min_level: int, max_level: int
) -> tuple[int, ...]:
    """Return the level of each feature: of the inputs, then of the nodes.

    Args:
        nodes: Sequence of `FusionNode`.
        min_level: Level of feature 0.
        max_level: Level of the last input.

    Returns:
        A tuple of integers.

    Raises:
        ValueError: If a node uses a feature that does not exist yet, adds one
            of another level, has an unknown `merge`, or is outside the levels.

    Example:
    >>> levels_of_features(bifpn_nodes(3, 5), 3, 5)
    (3, 4, 5, 4, 3, 4, 5)
    """
    levels = list(range(min_level, max_level + 1))
    for node in nodes:
        sources = (*node.inputs, *node.added)
        is_right = (
            node.merge in MERGES
            and min_level <= node.level <= max_level
            and len(node.inputs) > 0
            and all(0 <= source < len(levels) for source in sources)
            and all(levels[source] == node.level for source in node.added)
            and (node.merge != "attention" or len(node.inputs) == 2)
        )
        if not is_right:
            raise ValueError(
                f"A node's level must be in {min_level} to {max_level}, its "
                f"`inputs` be numbers of the {len(levels)} features before "
                "it, two of them for attention, its `added` be of its own "
                f"level, and its `merge` one of {MERGES}. Received: {node}"
            )
        levels.append(node.level)
    return tuple(levels)


def output_features(
    nodes: Sequence[FusionNode], min_level: int, max_level: int
) -> dict[int, int]:
    """Return the number of the output feature of each level.

    Args:
        nodes: Sequence of `FusionNode`.
        min_level: Level of feature 0.
        max_level: Level of the last input.

    Returns:
        A dict of level to number of the feature, finest level first.

    Example:
    >>> output_features(bifpn_nodes(3, 5), 3, 5)
    {3: 4, 4: 5, 5: 6}
    """
    levels = levels_of_features(nodes, min_level, max_level)
    last = {level: number for number, level in enumerate(levels)}
    return {level: last[level] for level in sorted(last)}


class _Graph:
    """Collects nodes and the features of each level."""

    def __init__(self, min_level: int, max_level: int) -> None:
        if not 0 <= min_level < max_level:
            raise ValueError(
                "A feature network needs two levels or more: 0 <= min_level "
                f"< max_level. Received: min_level={min_level}, "
                f"max_level={max_level}"
            )
        self.min_level = min_level
        self.max_level = max_level
        self.nodes: tuple[FusionNode, ...] = ()
        self.features = {
            level: [i]
            for i, level in enumerate(range(min_level, max_level + 1))
        }

    def go_down(self) -> None:
        """Add nodes from the coarsest level to the finest."""
        for level in range(self.max_level - 1, self.min_level - 1, -1):
            self._add(level, (self._last(level), self._last(level + 1)))

    def go_up(self, with_inputs: bool) -> None:
        """Add nodes from the finest level to the coarsest."""
        for level in range(self.min_level + 1, self.max_level + 1):
            own = self.features[level] if with_inputs else [self._last(level)]
            self._add(level, (*own, self._last(level - 1)))

    def _last(self, level):
        return self.features[level][-1]

    def _add(self, level, inputs):
        number = sum(map(len, self.features.values()))
        self.nodes += (FusionNode(level, inputs),)
        self.features[level].append(number)
