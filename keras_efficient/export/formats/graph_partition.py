"""The operators of an exported graph that belong to the network.

The others are preprocessing before the network and, after it, softmax, decoding
of boxes and non-maximum suppression.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

# Feature maps of smaller strides stay in floating point. They have few
# channels with very different ranges, for which one int8 scale is too coarse.
FIRST_STRIDE = 8


def between(
    operators: Sequence[Any],
    inputs: Callable[[Any], Iterable[Hashable]],
    outputs: Callable[[Any], Iterable[Hashable]],
    is_affine: Callable[[Any, bool], bool],
) -> list[Any]:
    """Return the operators from the first to the last that has weights.

    Args:
        operators: Sequence of operators in the order of their computation.
        inputs: Function from an operator to the names of its inputs.
        outputs: Function from an operator to the names of its outputs.
        is_affine: Function from an operator, and from whether it depends on an
            operator with weights, to whether it has weights itself.

    Returns:
        The list of operators that have weights, or that depend on an operator
        with weights and are an input of another.
    """
    behind: set[Hashable] = set()
    ahead: set[Hashable] = set()
    is_behind, is_weighty = [], []
    for operator in operators:
        is_behind.append(not behind.isdisjoint(inputs(operator)))
        is_weighty.append(is_affine(operator, is_behind[-1]))
        if is_behind[-1] or is_weighty[-1]:
            behind.update(outputs(operator))
    chosen = []
    for i, operator in reversed(list(enumerate(operators))):
        is_needed = not ahead.isdisjoint(outputs(operator))
        if is_weighty[i] or is_needed:
            ahead.update(inputs(operator))
        if is_weighty[i] or is_needed and is_behind[i]:
            chosen.append(operator)
    return chosen[::-1]


def with_small_maps(
    operators: Sequence[Any],
    inputs: Callable[[Any], Iterable[Hashable]],
    outputs: Callable[[Any], Iterable[Hashable]],
    stride: Callable[[Any], int],
    is_pooling: Callable[[Any], bool] = lambda operator: False,
) -> Sequence[Any]:
    """Return a network's operators from its first small feature maps on.

    The sizes of the maps may be unknown, since only the product of the strides
    counts.

    Args:
        operators: Operators of the network, as returned by `between`.
        inputs: Function from an operator to the names of its inputs.
        outputs: Function from an operator to the names of its outputs.
        stride: Function from an operator to its stride, 1 if it has none.
        is_pooling: Function from an operator to whether it reduces a map to
            one pixel. Operators with only such inputs are excluded. Defaults
            to a function that returns `False`.

    Returns:
        The operators of stride `FIRST_STRIDE` or more, or all operators if
        none has it.
    """
    strides: dict[Hashable, int] = {}
    pooled: set[Hashable] = set()
    chosen = []
    for operator in operators:
        maps = [name for name in inputs(operator) if name in strides]
        own = max((strides[name] for name in maps), default=1)
        own *= stride(operator)
        strides.update(dict.fromkeys(outputs(operator), own))
        if is_pooling(operator) or maps and pooled.issuperset(maps):
            pooled.update(outputs(operator))
        elif own >= FIRST_STRIDE:
            chosen.append(operator)
    return chosen or operators
