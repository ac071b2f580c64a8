"""How many zeros a convolution adds, and what size it leaves."""

PADDINGS = ("same", "valid", "symmetric")


def output_size(size, kernel_size, stride, padding):
    """Size of a convolution's output along one axis.

    Args:
        size: Integer, size of the input; `None` where it is not known.
        kernel_size: Integer, size of the kernel.
        stride: Integer, step of the kernel.
        padding: String, one of `PADDINGS`.

    Returns:
        The size of the output, `None` where `size` is.

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


def padding_amounts(size, kernel_size, stride, padding):
    """Zeros before and after an axis.

    For `"same"` they depend on the input's size, the larger half after, as in
    TensorFlow.
    """
    if padding == "valid":
        return 0, 0
    if padding == "symmetric":
        return (kernel_size - 1) // 2, (kernel_size - 1) // 2
    total = (-(-size // stride) - 1) * stride + kernel_size - size
    total = max(total, 0)
    return total // 2, total - total // 2


def spatial_axes(data_format):
    """Axes of height and width."""
    return (1, 2) if data_format == "channels_last" else (2, 3)


def pairs_of_padding(inputs, kernel, strides, padding, data_format):
    """Zeros `((top, bottom), (left, right))` for a known image size."""
    return tuple(
        padding_amounts(
            inputs.shape[axis], kernel.shape[i], strides[i], padding
        )
        for i, axis in enumerate(spatial_axes(data_format))
    )


def pads_of_all_axes(pairs, data_format):
    """The pairs of height and width, with none for batch and channels."""
    none = (0, 0)
    if data_format == "channels_last":
        return (none, *pairs, none)
    return (none, none, *pairs)
