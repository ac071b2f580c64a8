"""LiteRT's files in whole numbers of 8 bits."""

import contextlib
import io
import re
import warnings

import numpy as np

from keras_efficient.export.formats.graph_partition import FIRST_STRIDE
from keras_efficient.export.formats.litert import files

HEAVY = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# What runs in 8 bits if it lies between the first and the last of `HEAVY`.
# Sums, products and copies must be among them: each change between 8 bits and
# floats costs a pass over the whole feature map.
OPERATORS = (
    *HEAVY,
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "LOGISTIC",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "PAD",
    "RELU",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "STRIDED_SLICE",
    "SUB",
    "TRANSPOSE",
)
# A bias is stored in units of the scales of input and weights; at most this.
MAX_BIAS = 2**30
# The least range that ai-edge-quantizer gives a tensor.
MIN_SPAN = 1e-9


def quantize(path, images):
    """Replaces a float32 file by one that computes in 8 bits.

    Weights and activations of the network become int8: weights with one scale
    for each output channel, activations with one for each tensor, from the
    range that it has on `images`. In float32 stay the network's first part, up
    to maps of an eighth of the side, for the sake of accuracy; preprocessing,
    softmax, decoding of boxes and non-maximum suppression; and inputs and
    outputs.

    Args:
        path: `pathlib.Path` of a file that `format.write` has written in
            float32.
        images: Sequence of uint8 arrays `(height, width, 3)` of the size that
            the file takes, such as it will see. Their number is a multiple of
            the file's batch size.

    Returns:
        Nothing.

    Raises:
        ValueError: If there are no images, or they do not fit.
    """
    from ai_edge_quantizer import quantizer

    network = _Network(path.read_bytes())
    ranges = _measure(path, network.activations(), images)
    network.lift_dead_channels(ranges)
    worker = quantizer.Quantizer(files.pack(network.model))
    outputs = [re.escape(f"{name};") for name in network.outputs()]
    for operator in OPERATORS:
        worker.add_static_config(f"^({'|'.join(outputs)})$", operator, 8, 8)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        # It opens the file in a way of which LiteRT warns, and draws a bar.
        warnings.simplefilter("ignore", UserWarning)
        result = worker.quantize(
            ranges, enable_progress_bar=False, enable_progress_report=False
        )
    path.write_bytes(result.quantized_model)


class _Network:
    """The operators of a file that lie between heavy ones."""

    def __init__(self, content):
        from ai_edge_litert import schema_py_generated as schema

        self.model = files.unpack(content)
        self.graph = self.model.subgraphs[0]
        names = {
            code: name
            for name, code in vars(schema.BuiltinOperator).items()
            if not name.startswith("_")
        }
        # Codes below 127 once were in a field of 8 bits.
        self.kinds = [
            names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            for code in self.model.operatorCodes
        ]
        # Networks that end early have no small maps.
        self.operators = self._find_operators(
            FIRST_STRIDE
        ) or self._find_operators(1)

    def kind(self, operator):
        """Its name in LiteRT, such as `"CONV_2D"`."""
        return self.kinds[operator.opcodeIndex]

    def name(self, index):
        """The name of a tensor."""
        return self.graph.tensors[index].name.decode()

    def outputs(self):
        """Names of the tensors that the operators make."""
        return [self.name(operator.outputs[0]) for operator in self.operators]

    def activations(self):
        """Names of all tensors at the operators that depend on the images."""
        indices = {
            index
            for operator in self.operators
            for index in (*operator.inputs, *operator.outputs)
            if index >= 0 and self._constant(index) is None
        }
        return [self.name(index) for index in sorted(indices)]

    def lift_dead_channels(self, ranges):
        """Gives weights that are almost 0 a scale that their bias fits into.

        One weight of the channel grows to what adds at most `2**-15` of the
        bias to the result.
        """
        for operator in self.operators:
            if self.kind(operator) not in HEAVY or len(operator.inputs) < 3:
                continue
            image, kernel, bias = operator.inputs[:3]
            kernel, bias = self._constant(kernel), self._constant(bias)
            if kernel is None or bias is None:
                continue
            bounds = ranges[self.name(image)]
            span = max(bounds["max"].item(), 0) - min(bounds["min"].item(), 0)
            step = max(span, MIN_SPAN) / 255
            least = 127 * np.abs(bias) / (step * MAX_BIAS)
            if self.kind(operator) == "DEPTHWISE_CONV_2D":
                channels = kernel.reshape(-1, kernel.shape[-1])
            else:
                channels = kernel.reshape(kernel.shape[0], -1).T
            is_dead = np.abs(channels).max(axis=0) < least
            channels[0, is_dead] = least[is_dead]

    def _constant(self, index):
        """The numbers of a float tensor, writable; `None` if it has none."""
        tensor = self.graph.tensors[index]
        buffer = self.model.buffers[tensor.buffer]
        if buffer.data is None:
            return None
        if not buffer.data.flags.writeable:
            buffer.data = buffer.data.copy()
        return buffer.data.view("float32").reshape(tensor.shape)

    def _find_operators(self, stride):
        """Those behind the first small map and ahead of a heavy operator."""
        operators = self.graph.operators
        is_heavy = {id(x): self.kind(x) in HEAVY for x in operators}
        first = next(x for x in operators if is_heavy[id(x)])
        largest = self._side(first.inputs[0]) / stride
        behind, ahead = set(), set()
        chosen = []
        for operator in operators:
            is_small = 1 < self._side(operator.outputs[0]) <= largest
            if is_heavy[id(operator)] and is_small:
                behind.update(operator.outputs)
            elif not behind.intersection(operator.inputs):
                continue
            behind.update(operator.outputs)
            chosen.append(operator)
        for operator in reversed(operators):
            if is_heavy[id(operator)] or ahead.intersection(operator.outputs):
                ahead.update(operator.inputs)
        return [
            operator
            for operator in chosen
            if is_heavy[id(operator)]
            or self.kind(operator) in OPERATORS
            and ahead.intersection(operator.outputs)
        ]

    def _side(self, index):
        """The longer side of a feature map; 1 of other tensors."""
        shape = self.graph.tensors[index].shape
        return max(shape[1:3]) if shape is not None and len(shape) == 4 else 1


def _measure(path, names, images):
    """The ranges of tensors: the average of those on each batch.

    An image with more extreme values is cut; a range that holds all of them
    makes the steps too coarse for the rest.

    Args:
        path: Path of the file.
        names: List of the tensors' names.
        images: Sequence of images.

    Returns:
        A dict from names to dicts of `"min"` and `"max"`, arrays.
    """
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(
        str(path),
        experimental_preserve_all_tensors=True,
        # XNNPACK keeps what is inside it to itself.
        experimental_op_resolver_type=(
            litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
    )
    runner = interpreter.get_signature_runner()
    (details,) = runner.get_input_details().values()
    indices = {
        tensor["name"]: tensor["index"]
        for tensor in interpreter.get_tensor_details()
    }
    batches = _make_batches(images, tuple(details["shape"]))
    ranges = {}
    for batch in batches:
        runner(images=batch)
        for name in names:
            values = interpreter.get_tensor(indices[name])
            bounds = ranges.setdefault(name, {"min": 0.0, "max": 0.0})
            for end in bounds:
                extreme = getattr(values, end)(keepdims=True)
                bounds[end] = bounds[end] + extreme / len(batches)
    return ranges


def _make_batches(images, shape):
    """Images of the size that the file takes, as many as it takes at once."""
    batch, *size = (int(side) for side in shape)
    shapes = {tuple(np.shape(image)) for image in images}
    dtypes = {np.asarray(image).dtype for image in images}
    if shapes != {tuple(size)} or dtypes != {np.dtype("uint8")}:
        raise ValueError(
            f"`images` must be uint8 arrays of shape {tuple(size)}, at least "
            f"one. Received: {len(images)} of shapes {sorted(shapes)} and "
            f"dtypes {sorted(map(str, dtypes))}"
        )
    if len(images) % batch:
        raise ValueError(
            f"The file takes {batch} images at once; the number of `images` "
            f"must be a multiple of that. Received: {len(images)} images"
        )
    return np.stack(images).reshape(-1, batch, *size)
