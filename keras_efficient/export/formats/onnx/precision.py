"""ONNX files in float16 and in int8.

Only the network changes. Preprocessing before its first convolution, and what
follows its last one, stay in float32: softmax, decoding of boxes, suppression.
"""

import pathlib
import tempfile

import numpy as np

from keras_efficient.export.formats.graph_partition import between
from keras_efficient.export.formats.graph_partition import with_small_maps

AFFINE = ("Conv", "Gemm", "MatMul")
# What runs in 8 bits between them: each change between 8 bits and floats costs
# a pass over the whole feature map.
OPERATORS = (
    *AFFINE,
    "Add",
    "GlobalAveragePool",
    "MaxPool",
    "Mul",
    "Resize",
    "Sigmoid",
)
# What ONNX Runtime looks for before it warns that nobody has folded constants
# and batch norms; `format.write` has.
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


def to_float16(path):
    """Gives the network of a file weights and arithmetic of float16.

    Inputs and outputs keep their types. A processor without float16 computes
    in float32 all the same.

    Args:
        path: `pathlib.Path` of a file in float32. It is replaced.

    Returns:
        Nothing.
    """
    import onnx

    proto = onnx.shape_inference.infer_shapes(_load(path))
    _Halving(proto.graph).run()
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


def quantize(path, images):
    """Replaces a float32 file by one that computes in 8 bits.

    Weights and activations of the network become int8: weights with one scale
    for each output channel, activations with one for each tensor, from the
    average of the ranges that it has on each of `images`: a range that holds
    the most extreme of them makes the steps too coarse for the rest. The
    network's first part, up to maps of an eighth of the side, stays float32
    for the sake of accuracy.

    Args:
        path: `pathlib.Path` of a file in float32.
        images: Sequence of uint8 arrays `(height, width, 3)`, such as the file
            will see.

    Returns:
        Nothing.

    Raises:
        ValueError: If the network has no convolution.
    """
    from onnxruntime import quantization

    proto = _load(path)
    nodes = [node.name for node in _nodes_for_int8(proto.graph)]
    _pool_averages(proto.graph)
    entry = proto.metadata_props.add()
    entry.key, entry.value = PREPARED
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "float32.onnx"
        source.write_bytes(proto.SerializeToString())
        quantization.quantize_static(
            str(source),
            str(path),
            _reader(proto, images),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # On x86 signed ones have no fast kernels.
            activation_type=quantization.QuantType.QUInt8,
            nodes_to_quantize=nodes,
            op_types_to_quantize=OPERATORS,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={
                "CalibMovingAverage": True,
                # The last layer adds up in 32 bits and can leave it so.
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )


def network_nodes(graph):
    """Nodes between the first and the last convolution or product.

    Args:
        graph: An `onnx.GraphProto`, in the order of its computation.

    Returns:
        A list of its nodes.
    """
    constants = {x.name for x in graph.initializer}

    def is_affine(node, is_behind):
        if node.op_type == "Conv":
            return True
        # Preprocessing multiplies matrices, too.
        is_product = is_behind and node.op_type in AFFINE
        return is_product and node.input[1] in constants

    return between(
        list(graph.node), lambda x: x.input, lambda x: x.output, is_affine
    )


class _Halving:
    """Rewrites the network in a graph for float16."""

    def __init__(self, graph):
        self.graph = graph
        self.floats = _float_names(graph)
        self.constants = {x.name: x for x in graph.initializer}
        self.network = network_nodes(graph)
        self.inside = {name for node in self.network for name in node.output}
        chosen = {node.name for node in self.network}
        others = [node for node in graph.node if node.name not in chosen]
        self.used_outside = {x.name for x in graph.output}
        self.used_outside.update(*map(_names_used, others))
        self.made = set()
        self.result = []

    def run(self):
        """Changes the graph."""
        import onnx

        network = {node.name for node in self.network}
        for node in self.graph.node:
            if node.name not in network:
                self.result.append(node)
                continue
            for i, name in enumerate(node.input):
                if name in self.floats:
                    node.input[i] = self._half(name)
            names = list(node.output)
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.i == 1:
                    attribute.i = onnx.TensorProto.FLOAT16
            self.result.append(node)
            for i, name in enumerate(names):
                if name in self.floats:
                    node.output[i] = f"{name}_half"
                    if name in self.used_outside:
                        self._cast(f"{name}_half", name, "FLOAT")
        del self.graph.node[:]
        self.graph.node.extend(self.result)
        used = set().union(*map(_names_used, self.graph.node))
        kept = [x for x in self.graph.initializer if x.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _half(self, name):
        """The name of the same numbers in float16."""
        from onnx import numpy_helper

        half = f"{name}_half"
        if name not in self.inside and half not in self.made:
            self.made.add(half)
            if name in self.constants:
                values = numpy_helper.to_array(self.constants[name])
                values = values.clip(-65504, 65504).astype("float16")
                self.graph.initializer.append(
                    numpy_helper.from_array(values, half)
                )
            else:
                self._cast(name, half, "FLOAT16")
        return half

    def _cast(self, source, target, kind):
        from onnx import TensorProto
        from onnx import helper

        self.result.append(
            helper.make_node(
                "Cast",
                [source],
                [target],
                name=f"Cast_to_{target}",
                to=getattr(TensorProto, kind),
            )
        )


def _float_names(graph):
    """Names of all float32 tensors."""
    values = (*graph.value_info, *graph.input, *graph.output)
    names = {x.name for x in values if x.type.tensor_type.elem_type == 1}
    return names | {x.name for x in graph.initializer if x.data_type == 1}


def _names_used(node):
    """What goes into a node, and into those of graphs within it."""
    names = set(node.input)
    for attribute in node.attribute:
        graphs = [attribute.g, *attribute.graphs]
        names.update(*(_names_used(x) for g in graphs for x in g.node))
        names.update(x.name for g in graphs for x in g.output)
    return names


def _nodes_for_int8(graph):
    """Nodes of the network from its first small feature maps on."""

    def stride(node):
        strides = [x.ints for x in node.attribute if x.name == "strides"]
        return max(strides[0]) if strides else 1

    network = network_nodes(graph)
    if not network:
        raise ValueError(
            "Only what follows a convolution runs in 8 bits, and this network "
            'has none. Write it with precision="float32".'
        )
    return with_small_maps(
        network, lambda x: x.input, lambda x: x.output, stride
    )


def _pool_averages(graph):
    """Makes means over all pixels of a kind that runs in 8 bits."""
    from onnx import helper

    for node in graph.node:
        values = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        is_map = values.get("axes") == [2, 3] and values.get("keepdims", 1)
        if node.op_type == "ReduceMean" and is_map:
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]


def _reader(proto, images):
    """Images one by one, as ONNX Runtime asks for them."""
    from onnxruntime import quantization

    (value,) = proto.graph.input
    batch = value.type.tensor_type.shape.dim[0].dim_value or 1

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.images = iter(images)

        def get_next(self):
            image = next(self.images, None)
            if image is None:
                return None
            return {value.name: np.repeat(image[None], batch, axis=0)}

    return Reader()


def _load(path):
    """A model whose nodes all have names of their own."""
    import onnx

    proto = onnx.load(str(path))
    for number, node in enumerate(proto.graph.node):
        node.name = f"{node.name or node.op_type}_{number}"
    return proto
