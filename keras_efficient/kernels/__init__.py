"""What takes the time of a network, by the fastest way of each backend.

The one place of the core that touches a backend natively: one module for each
backend, on top of `default`, which is `keras.ops`. A backend's module defines
the functions that it does better and answers `NotImplemented` where its way
does not apply (another device, data format or dtype); `default` then runs.

None holds state; `scale_variables` and `approach` change the variables that
they get.

- `conv(inputs, kernel, bias, strides, padding, data_format)`
- `depthwise_conv(inputs, kernel, bias, strides, padding, data_format)`
- `add_bias(outputs, bias, data_format)`
- `max_pool(inputs, size, stride, padding, data_format)`
- `upsample(inputs, factor, data_format)`
- `batch_norm(inputs, mean, variance, gamma, beta, axis, epsilon)`
- `batch_norm_training(inputs, gamma, beta, axis, epsilon)`
- `norms(tensors)`
- `scaled(tensors, factors)`
- `scale_variables(variables, factor)`
- `approach(averages, variables, share)`
- `while_loop(condition, step, constants, state)`
- `compiled(function, inputs, variables, has_loop)`
- `fingerprint(variables)`

`padding` is `"same"`, `"valid"` or `"symmetric"`: `(kernel_size - 1) // 2`
zeros on both sides, as PyTorch networks pad; it differs from `"same"` where a
stride of 2 meets an even size.
"""

import functools

import keras

from keras_efficient.kernels import default
from keras_efficient.kernels.default import add_bias
from keras_efficient.kernels.padding import PADDINGS
from keras_efficient.kernels.padding import output_size

if keras.backend.backend() == "jax":
    from keras_efficient.kernels import jax_kernels as _native
elif keras.backend.backend() == "torch":
    from keras_efficient.kernels import torch_kernels as _native
elif keras.backend.backend() == "tensorflow":
    from keras_efficient.kernels import tensorflow_kernels as _native
else:
    _native = None

__all__ = [
    "HOLDS_VALUES",
    "PADDINGS",
    "add_bias",
    "approach",
    "batch_norm",
    "batch_norm_training",
    "compiled",
    "conv",
    "depthwise_conv",
    "fingerprint",
    "max_pool",
    "norms",
    "output_size",
    "scale_variables",
    "scaled",
    "upsample",
    "while_loop",
]


# Whether `compiled` functions keep the values that variables had then.
HOLDS_VALUES = getattr(_native, "HOLDS_VALUES", False)


def _native_or_default(name):
    fallback = getattr(default, name)
    native = getattr(_native, name, None)
    if native is None:
        return fallback

    @functools.wraps(fallback)
    def kernel(*args):
        outputs = native(*args)
        return fallback(*args) if outputs is NotImplemented else outputs

    return kernel


conv = _native_or_default("conv")
depthwise_conv = _native_or_default("depthwise_conv")
batch_norm = _native_or_default("batch_norm")
batch_norm_training = _native_or_default("batch_norm_training")
norms = _native_or_default("norms")
scaled = _native_or_default("scaled")
scale_variables = _native_or_default("scale_variables")
approach = _native_or_default("approach")
max_pool = _native_or_default("max_pool")
upsample = _native_or_default("upsample")
while_loop = _native_or_default("while_loop")
compiled = _native_or_default("compiled")
fingerprint = _native_or_default("fingerprint")
