"""The functions that take most of a network's time, for each backend.

Each backend has a class that implements what it can do faster than
`keras.ops`: `jax_kernels.JaxKernels`, `tensorflow_kernels.TensorFlowKernels`
and `torch_kernels.TorchKernels`. All inherit from `default.DefaultKernels`,
which documents the functions and implements them with `keras.ops`. The
functions of this module are the methods for the active backend.

`padding` is `"same"`, `"valid"` or `"symmetric"`. The last adds
`(kernel_size - 1) // 2` zeros on both sides, as PyTorch networks do. It differs
from `"same"` where a stride of 2 meets an even size.
"""

import keras

from keras_efficient.kernels.default import DefaultKernels
from keras_efficient.kernels.padding import PADDINGS
from keras_efficient.kernels.padding import output_size
from keras_efficient.kernels.padding import padding_amounts

__all__ = [
    "HOLDS_VALUES",
    "PADDINGS",
    "DefaultKernels",
    "add_bias",
    "batch_norm",
    "batch_norm_training",
    "compile_function",
    "conv",
    "depthwise_conv",
    "ema_update",
    "fingerprint",
    "max_pool",
    "norms",
    "output_size",
    "padding_amounts",
    "scale_variables",
    "scaled",
    "upsample",
    "while_loop",
]


def _kernels_of(backend: str) -> DefaultKernels:
    """Import the kernels of a backend; the other backends may be missing."""
    if backend == "jax":
        from keras_efficient.kernels.jax_kernels import JaxKernels

        return JaxKernels()
    if backend == "tensorflow":
        from keras_efficient.kernels.tensorflow_kernels import TensorFlowKernels

        return TensorFlowKernels()
    if backend == "torch":
        from keras_efficient.kernels.torch_kernels import TorchKernels

        return TorchKernels()
    return DefaultKernels()


_kernels = _kernels_of(keras.backend.backend())

HOLDS_VALUES = _kernels.HOLDS_VALUES

# Convolution, pooling and resizing of images.
conv = _kernels.conv
depthwise_conv = _kernels.depthwise_conv
add_bias = _kernels.add_bias
max_pool = _kernels.max_pool
upsample = _kernels.upsample
# Batch normalization.
batch_norm = _kernels.batch_norm
batch_norm_training = _kernels.batch_norm_training
# Many tensors or variables at once, for optimizers.
norms = _kernels.norms
scaled = _kernels.scaled
scale_variables = _kernels.scale_variables
ema_update = _kernels.ema_update
# Compiled functions.
while_loop = _kernels.while_loop
compile_function = _kernels.compile_function
fingerprint = _kernels.fingerprint
