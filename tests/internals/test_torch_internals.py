"""One test for each assumption about PyTorch's private and deprecated API."""

import gc
import os
import pathlib

import numpy as np
import pytest

from keras_efficient.internals import torch_internals
from tests.marks import on_one_backend

torch = pytest.importorskip("torch")
pytestmark = on_one_backend


def tensors():
    return [torch.tensor([3.0, 4.0]), torch.tensor([[1.0], [2.0], [2.0]])]


def test_foreach_norm_returns_euclidean_norms():
    assert [float(x) for x in torch_internals.norms(tensors())] == [5.0, 3.0]


def test_foreach_mul_takes_a_scalar_tensor_for_each_tensor():
    factors = [torch.tensor(2.0), torch.tensor(-1.0)]
    first, second = torch_internals.products(tensors(), factors)
    assert first.tolist() == [6.0, 8.0]
    assert second.tolist() == [[-1.0], [-2.0], [-2.0]]


@pytest.mark.parametrize("factor", [0.5, torch.tensor(0.5)], ids=repr)
def test_foreach_mul_in_place_takes_a_number_or_a_scalar_tensor(factor):
    values = tensors()
    torch_internals.scale(values, factor)
    assert values[0].tolist() == [1.5, 2.0]
    assert values[1].tolist() == [[0.5], [1.0], [1.0]]


def test_foreach_lerp_in_place_moves_by_a_share_of_the_difference():
    values, targets = tensors(), [torch.zeros(2), torch.ones(3, 1)]
    torch_internals.interpolate(values, targets, 0.25)
    assert values[0].tolist() == [2.25, 3.0]
    assert values[1].tolist() == [[1.0], [1.75], [1.75]]
    assert targets[0].tolist() == [0.0, 0.0]


def test_version_counts_changes_in_place():
    values = tensors()
    before = torch_internals.versions(values)
    assert torch_internals.versions(values) == before
    values[0].add_(1.0)
    with torch.no_grad():
        values[1].copy_(torch.zeros(3, 1))
    after = torch_internals.versions(values)
    assert all(x > y for x, y in zip(after, before, strict=True))


def test_native_batch_norm_returns_mean_and_inverse_deviation():
    x = np.random.default_rng(0).normal(2, 3, (2, 5, 3, 4)).astype("float32")
    gamma, beta = torch.full((5,), 2.0), torch.full((5,), 0.5)
    outputs, mean, inverse = torch_internals.batch_norm_training(
        torch.from_numpy(x), gamma, beta, 0.1
    )
    deviation = np.sqrt(x.var(axis=(0, 2, 3)) + 0.1)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(inverse, 1 / deviation, rtol=1e-5)
    centered = x - x.mean(axis=(0, 2, 3), keepdims=True)
    expected = 2 * centered / deviation[:, None, None] + 0.5
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_is_tracing_is_true_only_while_a_trace_is_recorded():
    found = []

    def function(x):
        found.append(torch_internals.is_tracing())
        return (x + 1,)

    function(torch.zeros(2))
    torch_internals.trace(function, (torch.zeros(2),))
    assert found == [False, True]


def test_trace_runs_without_python_and_without_warnings():
    calls = []

    def function(x, y):
        calls.append(x)
        # A size, which PyTorch would warn about.
        return (x * int(x.shape[0]), x + y)

    inputs = (torch.ones(3), torch.ones(3))
    trace = torch_internals.trace(function, inputs)
    calls.clear()
    first, second = trace(torch.full((3,), 2.0), torch.ones(3))
    assert first.tolist() == [6.0] * 3 and second.tolist() == [3.0] * 3
    assert not calls


def convolution(x):
    """An activation of a view of a convolution, and one of an input."""
    kernel = torch.ones(2, 3, 1, 1)
    y = torch.nn.functional.conv2d(x, kernel).permute(0, 2, 3, 1)
    return (torch.nn.functional.silu(y), torch.sigmoid(x))


def test_graph_of_trace_lets_activations_write_in_place():
    x = torch.linspace(-1.0, 1.0, 24).reshape(1, 3, 2, 4)
    copy = x.clone()
    expected = convolution(x)
    trace = torch_internals.trace(convolution, (x,))
    torch_internals.activate_in_place(trace)
    kinds = [node.kind() for node in trace.graph.nodes()]
    assert "aten::silu_" in kinds and "aten::silu" not in kinds
    # The input must not be overwritten.
    assert "aten::sigmoid" in kinds and "aten::sigmoid_" not in kinds
    for _ in range(2):
        for found, wanted in zip(trace(x), expected, strict=True):
            torch.testing.assert_close(found, wanted)
    assert torch.equal(x, copy)


def test_graph_of_trace_keeps_values_that_are_read_twice():
    def function(x):
        y = torch.nn.functional.conv2d(x, torch.ones(2, 3, 1, 1))
        return (torch.sigmoid(y) + y,)

    x = torch.linspace(-1.0, 1.0, 24).reshape(1, 3, 2, 4)
    trace = torch_internals.trace(function, (x,))
    torch_internals.activate_in_place(trace)
    assert "aten::sigmoid_" not in [n.kind() for n in trace.graph.nodes()]
    torch.testing.assert_close(trace(x)[0], function(x)[0])


def test_memory_of_a_trace_is_released():
    """`torch.jit.trace` keeps every trace until the process ends."""

    def resident_megabytes():
        gc.collect()
        pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def make():
        constant = torch.ones(5_000_000)  # 20 MB
        return torch_internals.trace(lambda x: (x + constant,), (constant,))

    make()(torch.ones(5_000_000))
    before = resident_megabytes()
    for _ in range(10):
        make()
    assert resident_megabytes() < before + 100
