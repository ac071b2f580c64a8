"""Complete checkpoints of detectors, in the formats of each library."""

import json
import re

import h5py
import numpy as np
import pytest

from tests import automl_weights
from tests.converters import checkpoints
from tests.shared import SHARED


def random_arrays(model, backbone="efficientnet-b0", seed=7):
    """Return random weights of a detector by google/automl's names."""
    rng = np.random.default_rng(seed)
    return {
        name: _random_value(rng, name, shape)
        for name, shape in automl_weights.automl_shapes(model, backbone).items()
    }


def _random_value(rng, name, shape):
    value = rng.uniform(-1, 1, shape)
    kind = name.rpartition("/")[2]
    if kind in ("kernel", "pointwise_kernel"):
        value = value * np.sqrt(3 / np.prod(shape[:3]))
    elif kind == "depthwise_kernel":
        value = value * np.sqrt(3 / np.prod(shape[:2]))
    elif kind in ("gamma", "moving_variance"):
        value = 1 + 0.3 * value
    elif kind.startswith("WSM"):
        value = 0.6 + 0.5 * value
    else:
        value = 0.1 * value
    return np.asarray(value, "float32")


def write_automl_h5(path, arrays):
    """Write weights as `model.save_weights("x.h5")` of Keras 2 does."""
    groups = {}
    for name in arrays:
        groups.setdefault(name.split("/")[0], []).append(name)
    # Levels that are only pooled have no weights.
    names = [*groups, "resample_p7"]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.4.0"
        for group in names:
            members = groups.get(group, [])
            here = file.create_group(group)
            here.attrs["weight_names"] = [f"{n}:0".encode() for n in members]
            for name in members:
                here[f"{name}:0"] = arrays[name]
    return path


def write_automl_checkpoint(prefix, arrays):
    """Write a TensorFlow 1 checkpoint; the moving averages are right."""
    tensors = {"global_step": np.array(3, "int64")}
    for name, value in arrays.items():
        tensors[name] = value + 1
        tensors[f"{name}/ExponentialMovingAverage"] = value
        if "moving_" not in name:
            tensors[f"{name}/Momentum"] = value + 2
    return checkpoints.write_tensorflow(prefix, tensors)


def write_automl_objects(prefix, arrays, averaged=False):
    """Write a TensorFlow 2 checkpoint, which contains names of attributes."""
    tensors = {}
    for name, value in arrays.items():
        key = _object_name(name)
        tensors[f"{key}/.ATTRIBUTES/VARIABLE_VALUE"] = value + averaged
        if averaged:
            slot = f"{key}/.OPTIMIZER_SLOT/optimizer"
            for kind, offset in (("average", 0), ("momentum", 2)):
                tensors[f"{slot}/{kind}/.ATTRIBUTES/VARIABLE_VALUE"] = (
                    value + offset
                )
    tensors["save_counter/.ATTRIBUTES/VARIABLE_VALUE"] = np.array(1, "int64")
    return checkpoints.write_tensorflow(prefix, tensors)


def _object_name(name):
    """Return the name of section 11.2 (c) of the specification."""
    block = re.match(r"efficientnet-b\d/blocks_(\d+)/(.*)", name)
    if block:
        return f"backbone/_blocks/{block[1]}/{_block_part(*block.groups())}"
    for pattern, replacement in (
        (r"^efficientnet-b\d/stem/conv2d/", "backbone/_stem/_conv_stem/"),
        (
            r"^efficientnet-b\d/stem/tpu_batch_normalization/",
            "backbone/_stem/_bn/",
        ),
        (r"^resample_p6/", "resample_layers/0/"),
        (
            r"^fpn_cells/cell_(\d+)/fnode(\d+)/",
            r"fpn_cells/cells/\1/fnodes/\2/",
        ),
        (r"/resample_(\d+)_\d+_\d+/", r"/resample_layers/\1/"),
        (r"/op_after_combine\d+/conv/", "/op_after_combine/conv_op/"),
        (r"/op_after_combine\d+/bn/", "/op_after_combine/bn/"),
        (r"^class_net/class-predict/", "class_net/classes/"),
        (r"^box_net/box-predict/", "box_net/boxes/"),
    ):
        name = re.sub(pattern, replacement, name)
    norm = re.match(r"(class|box)_net/\1-(\d+)-bn-(\d+)/(.*)", name)
    if norm:
        head, repeat, level, variable = norm.groups()
        return f"{head}_net/bns/{repeat}/{int(level) - 3}/{variable}"
    return re.sub(r"^(class|box)_net/\1-(\d+)/", r"\1_net/conv_ops/\2/", name)


def _block_part(number, name):
    # In B0 only the first block has no expansion.
    norms = ["_bn0", "_bn1", "_bn2"] if number != "0" else ["_bn1", "_bn2"]
    convs = ["_expand_conv", "_project_conv"]
    if number == "0":
        convs = convs[1:]
    for pattern, parts in (
        ("tpu_batch_normalization", norms),
        ("conv2d", convs),
    ):
        found = re.match(rf"{pattern}(?:_(\d))?/(\w+)$", name)
        if found:
            return f"{parts[int(found[1] or 0)]}/{found[2]}"
    name = name.replace("depthwise_conv2d", "_depthwise_conv")
    name = name.replace("se/conv2d_1/", "_se/_se_expand/")
    return name.replace("se/conv2d/", "_se/_se_reduce/")


def effdet_arrays(arrays):
    """Return the same weights by effdet's names (table of section 11.3)."""
    path = SHARED / "specs" / "efficientdet_d0_name_map.json"
    if not path.exists():
        pytest.skip("the name map of ../shared/specs is missing")
    found = {}
    for row in json.loads(path.read_text()):
        value = arrays[row["tf"]]
        axes = re.findall(r"\d", row["transpose"])  # such as "(3,2,0,1)"
        if axes:
            value = value.transpose([int(axis) for axis in axes])
        key = row["effdet"]
        edge = re.match(r"(.*edge_weights)\[(\d)\]$", key)
        if edge:
            found.setdefault(edge[1], {})[int(edge[2])] = value
        else:
            found[key] = np.ascontiguousarray(value)
    for key, value in found.items():
        if isinstance(value, dict):
            found[key] = np.stack([value[i] for i in sorted(value)])
    return found
