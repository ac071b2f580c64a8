"""The deterministic weights and images of the golden outputs.

Section 10 of `../shared/specs/efficientnet.md`: each number is a hash of its
index and of the name of its variable in `keras.applications`.
"""

import math
import zlib

import numpy as np

# Names in `keras.applications` of the layers of an `MBConvBlock`.
BLOCK_PARTS = {
    "expand/conv": "expand_conv",
    "expand/norm": "expand_bn",
    "depthwise/conv": "dwconv",
    "depthwise/norm": "bn",
    "squeeze_excite/reduce_conv": "se_reduce",
    "squeeze_excite/expand_conv": "se_expand",
    "project/conv": "project_conv",
    "project/norm": "project_bn",
}


def uniform(size, key):
    """Return `size` numbers in [0, 1), a hash of `key` and their index."""
    h = np.arange(size, dtype=np.uint64) * np.uint64(2654435761)
    h = (h + np.uint64(zlib.crc32(key.encode()))) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((15, 2246822519), (13, 3266489917), (16, 1)):
        h ^= h >> np.uint64(shift)
        h = (h * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return h / 2**32


def golden_image(height, width):
    """Return one image, `(1, height, width, 3)`, float32 in [0, 255)."""
    pixels = 255 * uniform(height * width * 3, "input")
    return pixels.reshape(1, height, width, 3).astype("float32")


def golden_key(variable):
    """Return the name in `keras.applications`, `None` for preprocessing."""
    *layers, name = variable.path.split("/")
    if layers[0] == "preprocessing":
        return None
    part = "/".join(layers[1:])
    layer = f"{layers[0]}_{BLOCK_PARTS[part]}" if part else layers[0]
    return f"{layer}/{name}"


def golden_value(key, shape):
    """Return the value of a variable, float32."""
    t = (2 * uniform(math.prod(shape), key) - 1).reshape(shape)
    layer, name = key.split("/")
    if name == "kernel":
        if len(shape) == 2:
            scale = math.sqrt(3 / shape[0])
        elif "dwconv" in layer:
            scale = math.sqrt(4.8 / (shape[0] * shape[1]))
        else:
            scale = math.sqrt(4.8 / math.prod(shape[:3]))
        value = t * scale
    elif name == "gamma":
        value = 1 + 0.2 * t
    elif name == "moving_variance":
        value = 1 + 0.4 * t
    else:
        value = 0.1 * t
    return value.astype("float32")


def fill(model):
    """Assign the golden weights to an EfficientNet."""
    for variable in model.weights:
        key = golden_key(variable)
        if key is not None:
            variable.assign(golden_value(key, tuple(variable.shape)))
    return model
