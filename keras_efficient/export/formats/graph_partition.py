"""Which operators of an exported graph are the network's.

The others are preprocessing, ahead of it, and softmax, decoding of boxes and
suppression behind it.
"""

# Large feature maps, of strides below it, better stay in floats. Few channels
# carry their values, of very different ranges, which one scale cannot serve.
FIRST_STRIDE = 8


def between(operators, inputs, outputs, is_affine):
    """Operators between the first that has weights and the last.

    Args:
        operators: List of operators, in the order of their computation.
        inputs: Function from one to the names of what goes in.
        outputs: Function from one to the names of what comes out.
        is_affine: Function from one, and whether it depends on a former one
            that has weights, to whether it has weights itself.

    Returns:
        List of those that have weights, or depend on one and are needed for
        another.
    """
    behind, ahead = set(), set()
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
    operators, inputs, outputs, stride, is_pooling=lambda operator: False
):
    """Operators of a network from its first small feature maps on.

    Sizes need not be known: what counts is by how much the sides have shrunk.

    Args:
        operators: List of the network's operators, as `between` gives them.
        inputs: Function from one to the names of what goes in.
        outputs: Function from one to the names of what comes out.
        stride: Function from one to its stride; 1 where it has none.
        is_pooling: Function from one to whether it makes one pixel of a map:
            what has only such pixels is left out. Defaults to never.

    Returns:
        List of those of stride `FIRST_STRIDE` or more; all operators where
        there are none.
    """
    strides, pooled, chosen = {}, set(), []
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
