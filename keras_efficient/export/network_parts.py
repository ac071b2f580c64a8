"""Which operators of an exported graph are the network's.

The others are preprocessing, ahead of it, and softmax, decoding of boxes and
suppression behind it.
"""


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
