"""Names and golden values of the weights of google/automl's detectors."""

import re
import zlib

import numpy as np

from keras_efficient.converters.naming.classification_schemes import TENSORFLOW
from keras_efficient.converters.naming.variable_names import blocks_in
from keras_efficient.converters.naming.variable_names import named_variables
from keras_efficient.feature_graphs import bifpn_nodes


def automl_shapes(model, backbone="efficientnet-b0"):
    """Return the shape of every variable of a detector by automl's name.

    Implements section 11.2 of the specification in the opposite direction of
    the converter: from canonical names to automl's.
    """
    named = named_variables(model)
    table = TENSORFLOW.table(blocks_in(named))
    of_backbone = {canonical: name for name, canonical in table.items()}
    nodes = bifpn_nodes(3, model.class_head.max_level)
    shapes = {}
    for canonical, variable in named.items():
        shape = tuple(variable.shape)
        if canonical in of_backbone:
            name = f"{backbone}/{of_backbone[canonical]}"
            if canonical.endswith("_dwconv/kernel"):
                name = name.replace("/kernel", "/depthwise_kernel")
            shapes[name] = shape
        elif canonical.endswith("fusion_weights"):
            for i in range(shape[0]):
                suffix = f"_{i}" if i else ""
                name = _behind_backbone(canonical, nodes)
                shapes[f"{name}{suffix}"] = shape[1:]
        else:
            shapes[_behind_backbone(canonical, nodes)] = shape
    return shapes


def _behind_backbone(canonical, nodes):
    *path, layer, variable = canonical.split("/")
    inner = path[-1] if path else ""
    if variable == "kernel" and layer.endswith("wise_conv"):
        variable = layer.replace("conv", "kernel")
    if layer.endswith("wise_conv"):
        layer = inner
    layer = {"norm": "bn"}.get(layer, layer)
    if canonical.startswith("resample_"):
        layer = {"conv": "conv2d"}.get(layer, layer)
        return f"{path[0]}/{layer}/{variable}"
    if canonical.startswith("bifpn_"):
        cell = canonical.split("/")[0].removeprefix("bifpn_")
        number, part = re.match(r"\w+/node(\d+)[_/](\w+)", canonical).groups()
        part = {"norm": "bn"}.get(part, part)
        prefix = f"fpn_cells/cell_{cell}/fnode{number}"
        index = len(nodes) // 2 + 1 + int(number)
        if part == "fusion":
            return f"{prefix}/WSM"
        if part.startswith("from"):
            source = int(part.removeprefix("from"))
            place = nodes[int(number)].inputs.index(source)
            layer = {"conv": "conv2d"}.get(layer, layer)
            edge = f"resample_{place}_{source}_{index}"
            return f"{prefix}/{edge}/{layer}/{variable}"
        return f"{prefix}/op_after_combine{index}/{part}/{variable}"
    head = canonical.split("_")[0]
    unit = canonical.split("/")[1]
    norm = re.match(r"norm_p(\d+)$", layer)
    if norm:
        layer = f"{head}-{unit.removeprefix('conv')}-bn-{norm[1]}"
    elif unit == "predictor":
        layer = f"{head}-predict"
    else:
        layer = f"{head}-{unit.removeprefix('conv')}"
    return f"{head}_net/{layer}/{variable}"


def golden_value(name, shape, gamma_backbone, gamma_rest):
    """Return the value of a variable by section 13 of the specification."""
    generator = np.random.RandomState(zlib.crc32(name.encode()))
    u = generator.uniform(-1, 1, size=shape)
    kind = name.rpartition("/")[2]
    if kind in ("kernel", "pointwise_kernel"):
        value = u * np.sqrt(3 / np.prod(shape[:3]))
    elif kind == "depthwise_kernel":
        value = u * np.sqrt(3 / np.prod(shape[:2]))
    elif kind == "gamma":
        is_backbone = name.startswith("efficientnet")
        value = (gamma_backbone if is_backbone else gamma_rest) + 0.1 * u
    elif kind == "moving_variance":
        value = 1 + 0.5 * u
    elif kind.startswith("WSM"):
        value = 0.5 + u
    else:
        value = 0.1 * u
    return np.asarray(value, "float32")
