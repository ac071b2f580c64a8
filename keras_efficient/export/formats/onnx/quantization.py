"""ONNX files in int8.

Only the network changes. Preprocessing before its first convolution, and the
softmax, the decoding of boxes and the non-maximum suppression after its last
one stay in float32.
"""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.export.formats.graph_partition import with_small_maps
from keras_efficient.export.formats.onnx.network_nodes import AFFINE
from keras_efficient.export.formats.onnx.network_nodes import load_named
from keras_efficient.export.formats.onnx.network_nodes import network_nodes

# Operators that run in int8 between the affine ones: each conversion between
# int8 and float costs a pass over the whole feature map.
OPERATORS = (
    *AFFINE,
    "Add",
    "GlobalAveragePool",
    "MaxPool",
    "Mul",
    "Resize",
    "Sigmoid",
)
# Metadata that tells ONNX Runtime that constants and batch normalization are
# folded already, as `ONNX.write` has done. It warns without it.
PREPROCESSED = ("onnx.quant.pre_process", "onnxruntime.quant")


def quantize(path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
    """Quantize the network in a file to int8.

    Weights have one scale for each output channel, activations one for each
    tensor. The range of an activation is the average of its ranges on each of
    `images`: a range that includes all extreme values makes the steps too
    coarse. The first part of the network, up to feature maps of stride 8,
    stays float32 for accuracy.

    Args:
        path: Path of a file in float32, which is replaced.
        images: Sequence of uint8 arrays of shape `(height, width, channels)`,
            similar to those of the application.

    Raises:
        ValueError: If the network has no convolution.
    """
    from onnxruntime import quantization

    proto = load_named(path)
    nodes = [node.name for node in _nodes_for_int8(proto.graph)]
    _pool_averages(proto.graph)
    entry = proto.metadata_props.add()
    entry.key, entry.value = PREPROCESSED
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "float32.onnx"
        source.write_bytes(proto.SerializeToString())
        quantization.quantize_static(
            str(source),
            str(path),
            _make_reader(proto, images),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # Signed activations have no fast kernels on x86.
            activation_type=quantization.QuantType.QUInt8,
            nodes_to_quantize=nodes,
            op_types_to_quantize=OPERATORS,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={
                "CalibMovingAverage": True,
                # The last layer accumulates and returns 32 bits.
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )


def _nodes_for_int8(graph: Any) -> Sequence[Any]:
    """Return nodes of the network from its first small feature maps on."""

    def stride(node: Any) -> int:
        strides = [x.ints for x in node.attribute if x.name == "strides"]
        return max(strides[0]) if strides else 1

    network = network_nodes(graph)
    if not network:
        raise ValueError(
            "int8 needs a network with a convolution, and this model has "
            'none. Export it with precision="float32".'
        )
    return with_small_maps(
        network, lambda x: x.input, lambda x: x.output, stride
    )


def _pool_averages(graph: Any) -> None:
    """Replace means over all pixels by pooling, which runs in int8."""
    from onnx import helper

    for node in graph.node:
        values = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        is_map = values.get("axes") == [2, 3] and values.get("keepdims", 1)
        if node.op_type == "ReduceMean" and is_map:
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]


def _make_reader(proto: Any, images: Sequence[np.ndarray]) -> Any:
    """Return the images, one by one, as ONNX Runtime expects them."""
    from onnxruntime import quantization

    (value,) = proto.graph.input
    batch = value.type.tensor_type.shape.dim[0].dim_value or 1

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.images = iter(images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.images, None)
            if image is None:
                return None
            return {value.name: np.repeat(image[None], batch, axis=0)}

    return Reader()
