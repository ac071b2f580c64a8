"""The private and deprecated API of PyTorch that the package relies on.

PyTorch is imported inside the functions: this module is importable where it is
not installed. Each function states the assumption it makes. Verified with
PyTorch 2.13.

Traces of TorchScript, deprecated since PyTorch 2.11, run a network for
inference without the Python interpreter. They are still used because the
alternatives do not replace them yet: `torch.compile` and AOTInductor generate
C++ that the user's machine must compile, and the module that `torch.export`
returns executes its operations one by one from Python. The replacement will be
an AOTInductor package of the exported program once it needs no compiler. Only
`is_tracing`, `trace` and `activate_in_place` need to be replaced then.
"""

import warnings
from collections.abc import Callable
from typing import Any

# Operators whose outputs an activation may overwrite if it is the only reader.
_OVERWRITABLE = (
    "aten::_convolution",
    "aten::conv2d",
    "aten::linear",
    "aten::addmm",
)
_IN_PLACE = {"aten::silu": "aten::silu_", "aten::sigmoid": "aten::sigmoid_"}


def norms(tensors: list[Any]) -> tuple[Any, ...]:
    """Return the Euclidean norm of each tensor.

    Assumes `torch._foreach_norm(tensors)`.

    Args:
        tensors: List of tensors.

    Returns:
        A tuple of scalar tensors.
    """
    import torch

    return torch._foreach_norm(tensors)


def products(tensors: list[Any], factors: list[Any]) -> list[Any]:
    """Return each tensor times its factor.

    Assumes `torch._foreach_mul(tensors, factors)`, differentiable and with
    scalar tensors as factors.

    Args:
        tensors: List of tensors.
        factors: List of scalar tensors.

    Returns:
        A list of tensors.
    """
    import torch

    return list(torch._foreach_mul(tensors, factors))


def scale(tensors: list[Any], factor: Any) -> None:
    """Multiply all tensors in place by one factor.

    Assumes `torch._foreach_mul_(tensors, factor)`.

    Args:
        tensors: List of tensors, which are changed.
        factor: Float or scalar tensor.
    """
    import torch

    torch._foreach_mul_(tensors, factor)


def interpolate(tensors: list[Any], targets: list[Any], weight: float) -> None:
    """Move all tensors in place towards their targets.

    Assumes `torch._foreach_lerp_(tensors, targets, weight)`.

    Args:
        tensors: List of tensors, which are changed.
        targets: List of tensors of the same shapes.
        weight: Float, 0 leaves the tensors and 1 sets them to the targets.
    """
    import torch

    torch._foreach_lerp_(tensors, targets, weight)


def versions(tensors: list[Any]) -> tuple[int, ...]:
    """Return how often each tensor was changed in place.

    Assumes that every operation in place increments `Tensor._version`.

    Args:
        tensors: List of tensors.

    Returns:
        A tuple of integers.
    """
    return tuple(tensor._version for tensor in tensors)


def batch_norm_training(
    inputs: Any, gamma: Any, beta: Any, epsilon: float
) -> tuple[Any, Any, Any]:
    """Normalize by the statistics of the batch and return these, too.

    `torch.nn.functional.batch_norm` is the documented function. It does not
    return the statistics.

    Assumes the undocumented `torch.native_batch_norm(inputs, weight, bias,
    running_mean, running_var, training, momentum, eps)`.

    Args:
        inputs: Tensor of shape `(batch, channels, height, width)`.
        gamma: Tensor of shape `(channels,)`, the scale.
        beta: Tensor of shape `(channels,)`, the shift.
        epsilon: Float, added to the variance.

    Returns:
        A tuple of the outputs, the means, and the inverse standard deviations
        `1 / sqrt(variance + epsilon)`, with the biased variance.
    """
    import torch

    return torch.native_batch_norm(
        inputs, gamma, beta, None, None, True, 0.0, epsilon
    )


def is_tracing() -> bool:
    """Return whether `trace` is recording.

    Assumes `torch.jit.is_tracing()`.
    """
    import torch

    return torch.jit.is_tracing()


def trace(function: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """Record the operations of a function as a TorchScript trace.

    Sizes and control flow become constants of the trace, which is intended:
    a trace is only called with inputs of the same shapes. The warnings about
    that, and about the deprecation of TorchScript, are suppressed.

    `torch.jit.trace` is the documented function. What it returns is kept until
    the process ends, with all constants, even if nothing refers to it.

    Assumes `torch._C._create_graph_by_tracing(function, inputs, name_of,
    strict, force_outplace)`, which returns a graph and the outputs, and
    `torch._C._create_function_from_graph(name, graph)`.

    Args:
        function: Function from tensors to a tuple of tensors.
        inputs: Tuple of tensors of the shapes and dtypes to come.

    Returns:
        A function with the graph that it executes as attribute `graph`.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, _ = torch._C._create_graph_by_tracing(
            function, inputs, lambda tensor: "", False, False
        )
    return torch._C._create_function_from_graph("network", graph)


def activate_in_place(trace: Any) -> None:
    """Let activations of a trace overwrite the outputs of convolutions.

    An activation writes in place if it is the only reader of the output of a
    convolution or dense layer. This saves memory and its allocation.

    Assumes the graph of TorchScript: `Graph.findAllNodes(kind)`,
    `Graph.create(kind, inputs, outputs)`, `Node.inputsAt`, `Node.kind`,
    `Node.insertBefore`, `Node.destroy`, `Value.uses` and
    `Value.replaceAllUsesWith`, and that a change of the graph before the
    first call is executed.

    Args:
        trace: Result of `trace`, which is changed.
    """
    graph = trace.graph
    for kind, in_place in _IN_PLACE.items():
        for node in graph.findAllNodes(kind):
            if not _may_overwrite(node.inputsAt(0)):
                continue
            changed = graph.create(in_place, [node.inputsAt(0)], 1)
            changed.insertBefore(node)
            changed.output().setType(node.output().type())
            node.output().replaceAllUsesWith(changed.output())
            node.destroy()


def _may_overwrite(value: Any) -> bool:
    """Return whether a value, or what it is a view of, has one reader only."""
    while value.node().kind() == "aten::permute" and _is_used_once(value):
        value = value.node().inputsAt(0)
    return value.node().kind() in _OVERWRITABLE and _is_used_once(value)


def _is_used_once(value: Any) -> bool:
    return len(value.uses()) == 1
