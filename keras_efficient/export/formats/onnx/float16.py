"""ONNX files in float16.

Only the network changes. Preprocessing before its first convolution, and the
softmax, the decoding of boxes and the non-maximum suppression after its last
one stay in float32.
"""

import pathlib
from collections.abc import Iterable
from typing import Any

from keras_efficient.export.formats.onnx.network_nodes import load_named
from keras_efficient.export.formats.onnx.network_nodes import network_nodes

# The largest finite number of float16.
MAX_FLOAT16 = 65504


def to_float16(path: pathlib.Path) -> None:
    """Convert weights and arithmetic of the network in a file to float16.

    Inputs and outputs keep their types. A processor without float16 arithmetic
    computes in float32.

    Args:
        path: Path of a file in float32, which is replaced.
    """
    import onnx

    proto = onnx.shape_inference.infer_shapes(load_named(path))
    _Float16Rewriter(proto.graph).run()
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


class _Float16Rewriter:
    """Rewrites the network in a graph to float16."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.floats = _float32_names(graph)
        self.constants = {x.name: x for x in graph.initializer}
        self.network = network_nodes(graph)
        self.inside = {name for node in self.network for name in node.output}
        chosen = {node.name for node in self.network}
        others = [node for node in graph.node if node.name not in chosen]
        self.used_outside = {x.name for x in graph.output}
        self.used_outside.update(*map(_names_used, others))
        self.converted: set[str] = set()
        self.result: list[Any] = []

    def run(self) -> None:
        """Change the graph in place."""
        network = {node.name for node in self.network}
        for node in self.graph.node:
            if node.name in network:
                self._convert(node)
            else:
                self.result.append(node)
        del self.graph.node[:]
        self.graph.node.extend(self.result)
        used: set[str] = set().union(*map(_names_used, self.graph.node))
        kept = [x for x in self.graph.initializer if x.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _convert(self, node: Any) -> None:
        """Append a node of the network that computes in float16."""
        import onnx

        for i, name in enumerate(node.input):
            if name in self.floats:
                node.input[i] = self._half(name)
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.FLOAT16
        self.result.append(node)
        for i, name in enumerate(list(node.output)):
            if name in self.floats:
                node.output[i] = f"{name}_half"
                if name in self.used_outside:
                    self._cast(f"{name}_half", name, onnx.TensorProto.FLOAT)

    def _half(self, name: str) -> str:
        """Return the name of the same tensor in float16."""
        import onnx
        from onnx import numpy_helper

        half = f"{name}_half"
        if name not in self.inside and half not in self.converted:
            self.converted.add(half)
            if name in self.constants:
                values = numpy_helper.to_array(self.constants[name])
                values = values.clip(-MAX_FLOAT16, MAX_FLOAT16)
                self.graph.initializer.append(
                    numpy_helper.from_array(values.astype("float16"), half)
                )
            else:
                self._cast(name, half, onnx.TensorProto.FLOAT16)
        return half

    def _cast(self, source: str, target: str, dtype: int) -> None:
        from onnx import helper

        self.result.append(
            helper.make_node(
                "Cast", [source], [target], name=f"Cast_to_{target}", to=dtype
            )
        )


def _float32_names(graph: Any) -> set[str]:
    """Return the names of all float32 tensors."""
    values: Iterable[Any] = (*graph.value_info, *graph.input, *graph.output)
    names = {x.name for x in values if x.type.tensor_type.elem_type == 1}
    return names | {x.name for x in graph.initializer if x.data_type == 1}


def _names_used(node: Any) -> set[str]:
    """Return the inputs of a node, and those of nodes in its subgraphs."""
    names = set(node.input)
    for attribute in node.attribute:
        graphs = [attribute.g, *attribute.graphs]
        names.update(*(_names_used(x) for g in graphs for x in g.node))
        names.update(x.name for g in graphs for x in g.output)
    return names
