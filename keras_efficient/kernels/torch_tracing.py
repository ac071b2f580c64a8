"""Networks of PyTorch as traces: recorded once, run without Python.

While a network is recorded, the kernels of convolutions are laid out as
PyTorch's own layers have them, once for all calls; a kernel that is to pad
unevenly gets its zeros then.
"""

import contextlib
import threading
import warnings

import keras
import numpy as np
import torch
import torch.nn.functional as F

# Of one loop this many steps are one call, and so is the look at its end.
STEPS_AT_ONCE = 4
# An activation may overwrite what one of these gives, if nothing else reads it.
OWNERS = ("aten::_convolution", "aten::conv2d", "aten::linear", "aten::addmm")
IN_PLACE = {"aten::silu": "aten::silu_", "aten::sigmoid": "aten::sigmoid_"}


class _Local(threading.local):
    kernels = None


_local = _Local()


def laid_out(kernel, extends):
    """A kernel as PyTorch wants it, while a network is recorded; else `None`.

    Args:
        kernel: Tensor `(height, width, inputs, outputs)`.
        extends: Boolean, whether a row and a column of zeros come ahead.

    Returns:
        A tensor `(outputs, inputs, height, width)`, or `None`.
    """
    if _local.kernels is None:
        return None
    key = (kernel.data_ptr(), tuple(kernel.shape), extends)
    if key not in _local.kernels:
        weights = kernel.detach().permute(3, 2, 0, 1)
        if extends:
            weights = F.pad(weights, (1, 0, 1, 0))
        _local.kernels[key] = weights.clone(
            memory_format=torch.channels_last
            if weights.shape[1] > 1
            else torch.contiguous_format
        )
    return _local.kernels[key]


@contextlib.contextmanager
def _laying_out():
    _local.kernels = {}
    try:
        yield
    finally:
        _local.kernels = None


def compiled(function, inputs, variables, has_loop):
    """A trace with the variables' values of now as constants."""
    device = keras.ops.convert_to_tensor(0.0).device
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in inputs]

    def tensors(arrays):
        return [
            _tensor(array, dtype, device)
            for array, dtype in zip(arrays, dtypes, strict=True)
        ]

    if has_loop:
        # A trace would hold as many rounds as the recorded images took.
        def loop(*arrays):
            with torch.no_grad():
                return function(*tensors(arrays))

        return loop
    structures = []

    def flat(*arguments):
        outputs = function(*arguments)
        structures.append(outputs)
        return tuple(keras.tree.flatten(outputs))

    constant = _without_gradients(variables)
    with constant, torch.no_grad(), _laying_out(), warnings.catch_warnings():
        # Sizes are constants of a trace, on purpose.
        warnings.simplefilter("ignore")
        flat(*tensors(inputs))
        trace = torch.jit.trace(
            flat, tuple(tensors(inputs)), check_trace=False, strict=False
        )
    structure = keras.tree.map_structure(lambda _: 0, structures[0])
    structures.clear()
    _overwrite(trace.graph)

    def run(*arrays):
        with torch.no_grad():
            outputs = trace(*tensors(arrays))
        return keras.tree.pack_sequence_as(structure, list(outputs))

    return run


@contextlib.contextmanager
def _without_gradients(variables):
    """A trace takes no constants that have gradients."""
    values = [v.value for v in variables if v.value.requires_grad]
    for value in values:
        value.requires_grad_(False)
    try:
        yield
    finally:
        for value in values:
            value.requires_grad_(True)


def _tensor(array, dtype, device):
    if isinstance(array, torch.Tensor):
        return array
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.to(device=device, dtype=getattr(torch, dtype))


def _overwrite(graph):
    """Activations in place of the convolution's result that they read."""
    for kind, in_place in IN_PLACE.items():
        for node in graph.findAllNodes(kind):
            value = node.inputsAt(0)
            while value.node().kind() == "aten::permute" and _is_used_once(
                value
            ):
                value = value.node().inputsAt(0)
            if value.node().kind() in OWNERS and _is_used_once(value):
                changed = graph.create(in_place, [node.inputsAt(0)], 1)
                changed.insertBefore(node)
                changed.output().setType(node.output().type())
                node.output().replaceAllUsesWith(changed.output())
                node.destroy()


def _is_used_once(value):
    return len(value.uses()) == 1


def while_loop(condition, step, constants, state):
    """Some steps at a time as one trace; Python only looks for the end.

    A step past the end must leave the state as it is.
    """
    if torch.is_grad_enabled() or torch.jit.is_tracing():
        return NotImplemented
    state = tuple(state)
    several = _several_steps(step, tuple(constants), state)
    while bool(condition(*constants, *state)):
        state = several(*constants, *state)
    return state


def _several_steps(step, constants, state):
    shapes = tuple(
        (tuple(x.shape), x.dtype, x.device) for x in constants + state
    )
    steps = getattr(step, "steps", None)
    if steps is None:
        steps = step.steps = {}
    if shapes not in steps:
        steps[shapes] = _trace_steps(step, constants, state)
    return steps[shapes]


def _trace_steps(step, constants, state):
    count = len(constants)

    def several(*tensors):
        constants, state = tensors[:count], tensors[count:]
        for _ in range(STEPS_AT_ONCE):
            state = step(*constants, *state)
        return tuple(state)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(several, constants + state, check_trace=False)
