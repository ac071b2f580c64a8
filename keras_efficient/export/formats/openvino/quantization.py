"""OpenVINO models in int8."""

import contextlib
import io
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.export.formats.graph_partition import between
from keras_efficient.export.formats.graph_partition import with_small_maps

CONVOLUTIONS = ("Convolution", "GroupConvolution")
NOT_COMPUTED = ("Constant", "Parameter", "Result")


def quantize(model: Any, images: Sequence[np.ndarray]) -> Any:
    """Quantize a network to int8 with NNCF.

    The ranges of the activations are measured on `images`. The first part of
    the network, up to feature maps of stride 8, stays float32 for accuracy.

    Args:
        model: An `openvino.Model` in float32.
        images: Sequence of uint8 arrays of shape `(height, width, channels)`,
            similar to those of the application.

    Returns:
        An `openvino.Model`.
    """
    import nncf

    shape = model.inputs[0].partial_shape
    batch = shape[0].get_length() if shape[0].is_static else 1
    chosen = {x.get_friendly_name() for x in _operators_for_int8(model)}
    others = [
        x.get_friendly_name()
        for x in model.get_ordered_ops()
        if x.get_type_name() not in NOT_COMPUTED
        and x.get_friendly_name() not in chosen
    ]
    # It reports every operator.
    nncf.set_log_level(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset(
                images, lambda image: image[None].repeat(batch, axis=0)
            ),
            subset_size=len(images),
            ignored_scope=nncf.IgnoredScope(names=others, validate=False),
        )


def _operators_for_int8(model: Any) -> list[Any]:
    """Return operators with small feature maps, and dense layers."""

    def is_affine(operator: Any, is_behind: bool) -> bool:
        kind = operator.get_type_name()
        return kind in CONVOLUTIONS or is_behind and kind == "MatMul"

    def inputs(operator: Any) -> list:
        return [_name(x.get_source_output()) for x in operator.inputs()]

    def outputs(operator: Any) -> list:
        return [_name(x) for x in operator.outputs()]

    def stride(operator: Any) -> int:
        has_one = operator.get_type_name() in (*CONVOLUTIONS, "MaxPool")
        return max(operator.get_attributes()["strides"]) if has_one else 1

    network = between(model.get_ordered_ops(), inputs, outputs, is_affine)
    small = with_small_maps(
        network,
        inputs,
        outputs,
        stride,
        lambda x: x.get_type_name() == "ReduceMean",
    )
    return list(small) + [x for x in network if x.get_type_name() == "MatMul"]


def _name(output: Any) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()
