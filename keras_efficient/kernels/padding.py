"""Zeros that a convolution adds, and the size of its output."""

from collections.abc import Sequence
from typing import get_args

from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Tensor

PADDINGS: tuple[Padding, ...] = get_args(Padding)
# Zeros before and after an axis.
Pair = tuple[int, int]


def output_size(
    size: int | None, kernel_size: int, stride: int, padding: Padding
) -> int | None:
    """Return the size of a convolution's output along one axis.

    Args:
        size: Integer, size of the input; `None` if it is unknown.
        kernel_size: Integer, size of the kernel.
        stride: Integer, step of the kernel.
        padding: String, `"same"`, `"valid"` or `"symmetric"`.

    Returns:
        An integer, or `None` if `size` is `None`.

    Example:
    >>> from keras_efficient.kernels import output_size
    >>> output_size(225, 3, 2, "same")
    113
    """
    if size is None:
        return None
    if padding == "same":
        return -(-size // stride)
    before, after = padding_amounts(size, kernel_size, stride, padding)
    return (size + before + after - kernel_size) // stride + 1


def padding_amounts(
    size: int, kernel_size: int, stride: int, padding: Padding
) -> Pair:
    """Return the zeros before and after an axis.

    With `"same"` they depend on the size of the input and the larger half is
    added after it, as in TensorFlow.
    """
    if padding == "valid":
        return 0, 0
    if padding == "symmetric":
        return symmetric_padding(kernel_size)
    total = (-(-size // stride) - 1) * stride + kernel_size - size
    total = max(total, 0)
    return total // 2, total - total // 2


def symmetric_padding(kernel_size: int) -> Pair:
    """Return the zeros of `"symmetric"`, which suit an input of any size."""
    return (kernel_size - 1) // 2, (kernel_size - 1) // 2


def spatial_axes(data_format: DataFormat) -> tuple[int, int]:
    """Return the axes of height and width."""
    return (1, 2) if data_format == "channels_last" else (2, 3)


def image_padding(
    inputs: Tensor,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    data_format: DataFormat,
) -> tuple[Pair, Pair]:
    """Return the zeros `((top, bottom), (left, right))` around images.

    Args:
        inputs: Tensor of images whose height and width are known.
        kernel_size: Height and width of the kernel.
        strides: Steps along height and width.
        padding: String, `"same"`, `"valid"` or `"symmetric"`.
        data_format: String, `"channels_last"` or `"channels_first"`.
    """
    y, x = spatial_axes(data_format)
    shape = inputs.shape
    return (
        padding_amounts(shape[y], kernel_size[0], strides[0], padding),
        padding_amounts(shape[x], kernel_size[1], strides[1], padding),
    )


def padding_of_all_axes(
    pairs: tuple[Pair, Pair], data_format: DataFormat
) -> tuple[Pair, ...]:
    """Return the pairs of height and width among those of all four axes."""
    none = (0, 0)
    if data_format == "channels_last":
        return (none, *pairs, none)
    return (none, none, *pairs)
