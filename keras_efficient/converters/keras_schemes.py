"""Weights of keras.applications' MobileNet, MobileNetV2 and ResNet50.

Their layers are called as ours. Files from before Keras called some of them
so hold the same arrays in the same order: Keras goes by the order alone, and
here it counts where the names say nothing.
"""

import re

from keras_efficient.converters.variable_names import CLASSIFIER

NAME = "keras_applications"
# The first convolution of each of them; no EfficientNet has such a layer.
_FIRST_CONVOLUTIONS = ("conv1", "Conv1", "conv1_conv")
_REWRITES = (
    (r"/depthwise_kernel$", "/kernel"),
    (r"^(conv_preds|probs|fc1000|Logits)/", f"{CLASSIFIER}/"),
)


def is_keras_network(named):
    """Whether variables are those of one of these networks.

    Args:
        named: Names of the variables, an iterable of strings.

    Returns:
        A boolean.
    """
    firsts = {f"{name}/kernel" for name in _FIRST_CONVOLUTIONS}
    return not firsts.isdisjoint(named)


def rename(arrays, named):
    """Gives the arrays of a file the names of a model's variables.

    Args:
        arrays: Dict of the file's names to arrays, in the file's order.
        named: Dict of the model's names to variables, in its order.

    Returns:
        A dict of names to arrays. Names that are not the model's stay.
    """
    renamed = {}
    for name, array in arrays.items():
        for pattern, replacement in _REWRITES:
            name = re.sub(pattern, replacement, name)
        is_classifier = name == f"{CLASSIFIER}/kernel"
        renamed[name] = _matrix(array) if is_classifier else array
    if 2 * len(named.keys() & renamed.keys()) >= len(named):
        return renamed
    values = list(arrays.values())
    if f"{CLASSIFIER}/kernel" in named and len(values) > 1:
        values[-2] = _matrix(values[-2])
    shapes = [tuple(variable.shape) for variable in named.values()]
    if [array.shape for array in values] == shapes:
        return dict(zip(named, values, strict=True))
    return renamed


def _matrix(kernel):
    """A kernel of one pixel, by which MobileNet classifies, as `Dense` has."""
    is_pixel = kernel.ndim == 4 and kernel.shape[:2] == (1, 1)
    return kernel.reshape(kernel.shape[2:]) if is_pixel else kernel
