"""The nodes of the network in an ONNX file."""

import pathlib
from typing import Any

from keras_efficient.export.formats.graph_partition import between

AFFINE = ("Conv", "Gemm", "MatMul")


def load_named(path: pathlib.Path) -> Any:
    """Load a file and give every node a unique name.

    Args:
        path: Path of an ONNX file.

    Returns:
        An `onnx.ModelProto`.
    """
    import onnx

    proto = onnx.load(str(path))
    for number, node in enumerate(proto.graph.node):
        node.name = f"{node.name or node.op_type}_{number}"
    return proto


def network_nodes(graph: Any) -> list[Any]:
    """Return the nodes from the first to the last convolution or product.

    Args:
        graph: An `onnx.GraphProto` in the order of its computation.

    Returns:
        A list of nodes of the graph.
    """
    constants = {x.name for x in graph.initializer}

    def is_affine(node: Any, is_behind: bool) -> bool:
        if node.op_type == "Conv":
            return True
        # Preprocessing multiplies matrices as well.
        is_product = is_behind and node.op_type in AFFINE
        return is_product and node.input[1] in constants

    return between(
        list(graph.node), lambda x: x.input, lambda x: x.output, is_affine
    )
