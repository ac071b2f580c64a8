"""Weights in the `.h5` files of Keras 1 and 2, and of Keras 3's legacy way.

These files name layers and variables. Keras' own `.weights.h5` of today does
not: it counts the layers of each class, and only Keras itself reads it.
"""

import re

import numpy as np

# Layers of an EfficientNet by name; nested models may stand before them.
_LAYER = re.compile(
    r"(stem|top)_(conv|bn)|predictions|preprocessing|normalization(_\d+)?"
    r"|block\d+[a-z]+(_\w+)?"
)


def is_native(path):
    """Whether a file is a `.weights.h5` of Keras 3.

    Args:
        path: Path of an HDF5 file.

    Returns:
        A boolean.
    """
    import h5py

    with h5py.File(path, "r") as file:
        return not _is_legacy(file) and ("layers" in file or "vars" in file)


def read(path):
    """Reads a legacy `.h5` file, of weights or of a whole model.

    Args:
        path: Path of the file.

    Returns:
        A dict of `"<layer>/<variable>"` to NumPy array.

    Raises:
        ValueError: If the file does not name its layers.
    """
    import h5py

    with h5py.File(path, "r") as file:
        if not _is_legacy(file):
            raise ValueError(
                "it is HDF5, but not of Keras: it names no layers. "
                f"It holds {sorted(file)[:8]}"
            )
        group = file if _has(file, "layer_names") else file["model_weights"]
        arrays = {}
        for layer in _names(group, "layer_names"):
            for name in _names(group[layer], "weight_names"):
                array = np.asarray(group[layer][name])
                arrays[_variable_name(layer, name)] = array
        return arrays


def _is_legacy(file):
    return _has(file, "layer_names") or (
        "model_weights" in file and _has(file["model_weights"], "layer_names")
    )


def _has(group, attribute):
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _names(group, attribute):
    """A list of names, which Keras splits where it is longer than 64 KB."""
    if attribute in group.attrs:
        chunks = [group.attrs[attribute]]
    else:
        chunks = []
        while f"{attribute}{len(chunks)}" in group.attrs:
            chunks.append(group.attrs[f"{attribute}{len(chunks)}"])
    return [
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for chunk in chunks
        for name in chunk
    ]


def _variable_name(layer, weight_name):
    parts = re.sub(r":\d+$", "", weight_name).split("/")
    for i, part in enumerate(parts[:-1]):
        if _LAYER.fullmatch(part):
            return "/".join(parts[i:])
    if len(parts) == 1:
        return f"{layer}/{parts[0]}"
    return "/".join(parts)
