"""Networks of PyTorch as traces: recorded once, executed without Python.

While a network is recorded, the kernels of convolutions are rearranged once
into the memory format of PyTorch's own layers; a kernel for uneven padding
receives its zeros.
"""

import contextlib
import threading
import weakref
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import torch
import torch.nn.functional as F

from keras_efficient.internals import torch_internals
from keras_efficient.internals.bounded_cache import BoundedCache
from keras_efficient.types import Tensor

# Steps of a loop in one trace. The condition is evaluated between traces.
STEPS_AT_ONCE = 4

# The traces of each step function of a loop, by shapes, dtypes and devices.
_LOOP_TRACES: weakref.WeakKeyDictionary[
    Callable[..., Any], BoundedCache[Callable[..., Any]]
] = weakref.WeakKeyDictionary()
# Traces that are kept of each loop, one for each combination of shapes.
MAX_TRACES = 16


class _Recording(threading.local):
    """The rearranged kernels of the network that this thread records."""

    weights: dict[Any, Tensor] | None = None


_recording = _Recording()


def cached_weights(kernel: Tensor, has_leading_zeros: bool) -> Tensor | None:
    """Return a kernel as PyTorch needs it, while a network is recorded.

    Args:
        kernel: Tensor of shape `(height, width, channels, filters)`.
        has_leading_zeros: Boolean, whether to add a row and a column of zeros
            before the kernel.

    Returns:
        A tensor of shape `(filters, channels, height, width)`, the same one
        for the same kernel, or `None` if no network is being recorded.
    """
    cache = _recording.weights
    if cache is None:
        return None
    key = (kernel.data_ptr(), tuple(kernel.shape), has_leading_zeros)
    if key not in cache:
        weights = kernel.detach().permute(3, 2, 0, 1)
        if has_leading_zeros:
            weights = F.pad(weights, (1, 0, 1, 0))
        cache[key] = weights.clone(
            memory_format=torch.channels_last
            if weights.shape[1] > 1
            else torch.contiguous_format
        )
    return cache[key]


def compile_function(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    variables: Sequence[keras.Variable],
    has_loop: bool,
) -> Callable[..., Any]:
    """Implement `DefaultKernels.compile_function` with a trace."""
    device = keras.ops.convert_to_tensor(0.0).device
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in inputs]

    def tensors(arrays: Sequence[Tensor]) -> list[Tensor]:
        return [
            _tensor(array, dtype, device)
            for array, dtype in zip(arrays, dtypes, strict=True)
        ]

    if has_loop:
        # A trace would repeat the number of steps of the recorded inputs.
        def loop(*arrays: Tensor) -> Any:
            with torch.no_grad():
                return function(*tensors(arrays))

        return loop
    trace, structure = _record(function, tensors(inputs), variables)

    def run(*arrays: Tensor) -> Any:
        with torch.no_grad():
            outputs = trace(*tensors(arrays))
        return keras.tree.pack_sequence_as(structure, list(outputs))

    return run


def while_loop(
    condition: Callable[..., Tensor],
    step: Callable[..., tuple[Tensor, ...]],
    constants: Sequence[Tensor],
    state: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Implement `DefaultKernels.while_loop` with traces of several steps."""
    constants, state = tuple(constants), tuple(state)
    several_steps = _several_steps(step, constants, state)
    while bool(condition(*constants, *state)):
        state = several_steps(*constants, *state)
    return state


def _record(
    function: Callable[..., Any],
    inputs: list[Tensor],
    variables: Sequence[keras.Variable],
) -> tuple[Callable[..., Any], Any]:
    """Return a trace with flat outputs, and the structure of the outputs."""
    structures = []

    def flat_function(*tensors: Tensor) -> tuple[Tensor, ...]:
        outputs = function(*tensors)
        structures.append(keras.tree.map_structure(lambda _: 0, outputs))
        return tuple(keras.tree.flatten(outputs))

    with _without_gradients(variables), torch.no_grad(), _caching_weights():
        # The first call creates whatever is created once, such as caches.
        flat_function(*inputs)
        trace = torch_internals.trace(flat_function, tuple(inputs))
    torch_internals.activate_in_place(trace)
    return trace, structures[0]


@contextlib.contextmanager
def _caching_weights() -> Iterator[None]:
    _recording.weights = {}
    try:
        yield
    finally:
        _recording.weights = None


@contextlib.contextmanager
def _without_gradients(variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Disable gradients of variables: constants of a trace have none."""
    values = [v.value for v in variables if v.value.requires_grad]
    for value in values:
        value.requires_grad_(False)
    try:
        yield
    finally:
        for value in values:
            value.requires_grad_(True)


def _tensor(array: Tensor, dtype: str, device: Any) -> Tensor:
    if isinstance(array, torch.Tensor):
        return array
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.to(device=device, dtype=getattr(torch, dtype))


def _several_steps(
    step: Callable[..., tuple[Tensor, ...]],
    constants: tuple[Tensor, ...],
    state: tuple[Tensor, ...],
) -> Callable[..., tuple[Tensor, ...]]:
    """Return a trace of `STEPS_AT_ONCE` steps, recorded once."""
    if step not in _LOOP_TRACES:
        _LOOP_TRACES[step] = BoundedCache(MAX_TRACES)
    key = tuple((tuple(x.shape), x.dtype, x.device) for x in constants + state)
    return _LOOP_TRACES[step].get(
        key, lambda: _trace_steps(step, constants, state)
    )


def _trace_steps(
    step: Callable[..., tuple[Tensor, ...]],
    constants: tuple[Tensor, ...],
    state: tuple[Tensor, ...],
) -> Callable[..., tuple[Tensor, ...]]:
    count = len(constants)

    def several_steps(*tensors: Tensor) -> tuple[Tensor, ...]:
        state = tensors[count:]
        for _ in range(STEPS_AT_ONCE):
            state = step(*tensors[:count], *state)
        return tuple(state)

    return torch_internals.trace(several_steps, constants + state)
