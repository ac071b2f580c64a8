"""LiteRT files in int8."""

import contextlib
import io
import pathlib
import re
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import numpy as np

from keras_efficient.export.formats.graph_partition import FIRST_STRIDE
from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert import integers
from keras_efficient.export.formats.litert import upsampling

AFFINE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Operators that run in int8 between the first and the last of `AFFINE`. Sums,
# products and copies must be included: each conversion between int8 and float
# costs a pass over the whole feature map.
OPERATORS = (
    *AFFINE,
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
# Largest bias in units of the product of the scales of input and weights.
MAX_BIAS = 2**30
# Smallest range that ai-edge-quantizer uses for a tensor.
MIN_SPAN = 1e-9
# Images are quantized without error.
PIXEL_RANGE = {"min": 0.0, "max": 255.0}
# Minimum and maximum of each tensor, by the tensor's name.
Ranges: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]


def quantize(path: pathlib.Path, images: Sequence[np.ndarray]) -> None:
    """Quantize the network in a file to int8.

    Weights have one scale for each output channel, activations one for each
    tensor, from the ranges that they have on `images`. These parts stay
    float32: the first part of the network, up to feature maps of stride 8, for
    accuracy; preprocessing, softmax, decoding of boxes and non-maximum
    suppression; and inputs and outputs.

    Args:
        path: Path of a file that `LiteRT.write` wrote in float32, which is
            replaced.
        images: Sequence of uint8 arrays of shape `(height, width, channels)`
            of the size that the file accepts, similar to those of the
            application. Their number must be a multiple of the file's batch
            size.

    Raises:
        ValueError: If `images` is empty, or if their shape, dtype or number
            does not match the file.
    """
    network = _Network(path.read_bytes())
    ranges = _measure(path, network.activations(), images)
    network.lift_dead_channels(ranges)
    outputs = [re.escape(f"{name};") for name in network.outputs()]
    scope = f"^({'|'.join(outputs)})$"
    path.write_bytes(_rewrite(network, ranges, scope, OPERATORS))


def quantize_completely(
    path: pathlib.Path, images: Sequence[np.ndarray], io_dtype: str
) -> None:
    """Quantize every operator of a file, its input and its outputs.

    The integers of the input are those of the pixels, in uint8; in int8 they
    are smaller by 128.

    Args:
        path: Path of a file of the network alone that `LiteRT.write` wrote in
            float32, which is replaced.
        images: See `quantize`.
        io_dtype: `"int8"` or `"uint8"`, the dtype of input and outputs.

    Raises:
        ValueError: See `quantize`; and if an operator cannot be quantized.
    """
    content = files.unpack(path.read_bytes())
    upsampling.use_resize(content, files.operator_kinds(content))
    path.write_bytes(files.pack(content))
    network = _Network(path.read_bytes(), is_whole=True)
    ends = network.ends()
    ranges = _measure(path, network.activations(), images, exact=ends)
    ranges[ends[0]] = {
        end: np.full((1, 1, 1, 1), value, "float32")
        for end, value in PIXEL_RANGE.items()
    }
    network.lift_dead_channels(ranges)
    content = files.unpack(_rewrite(network, ranges, ".*", ("*",)))
    integers.require_integers(content, files.operator_kinds(content))
    if io_dtype == "uint8":
        integers.use_uint8(content)
    path.write_bytes(files.pack(content))


def _rewrite(
    network: "_Network",
    ranges: Ranges,
    scope: str,
    operators: Sequence[str],
) -> bytes:
    """Return the content of a file in int8.

    Args:
        network: The operators.
        ranges: The ranges of their inputs and outputs.
        scope: Regular expression of the names of the operators' outputs.
        operators: Names of the kinds of operators to change.
    """
    from ai_edge_quantizer import quantizer

    worker = quantizer.Quantizer(files.pack(network.model))
    for operator in operators:
        worker.add_static_config(scope, operator, 8, 8)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        # It opens the file in a way that LiteRT warns about, and draws a
        # progress bar.
        warnings.simplefilter("ignore", UserWarning)
        result = worker.quantize(
            ranges, enable_progress_bar=False, enable_progress_report=False
        )
    return bytes(result.quantized_model)


class _Network:
    """The operators of a file that are to run in int8."""

    def __init__(self, content: bytes, is_whole: bool = False) -> None:
        self.model = files.unpack(content)
        self.graph = self.model.subgraphs[0]
        self.kinds = files.operator_kinds(self.model)
        if is_whole:
            self.operators = self.graph.operators
            return
        # Small networks have no feature maps of that stride.
        self.operators = self._find_operators(
            FIRST_STRIDE
        ) or self._find_operators(1)

    def kind(self, operator: Any) -> str:
        """Return the LiteRT name of an operator, such as `"CONV_2D"`."""
        return self.kinds[operator.opcodeIndex]

    def name(self, index: int) -> str:
        """Return the name of a tensor."""
        return self.graph.tensors[index].name.decode()

    def ends(self) -> list[str]:
        """Return the names of the file's input and of its outputs."""
        indices = (*self.graph.inputs, *self.graph.outputs)
        return [self.name(index) for index in indices]

    def outputs(self) -> list[str]:
        """Return the names of the tensors that the operators compute."""
        return [self.name(operator.outputs[0]) for operator in self.operators]

    def activations(self) -> list[str]:
        """Return names of inputs and outputs that depend on the images."""
        indices = {
            index
            for operator in self.operators
            for index in (*operator.inputs, *operator.outputs)
            if index >= 0 and self._constant(index) is None
        }
        return [self.name(index) for index in sorted(indices)]

    def lift_dead_channels(self, ranges: Ranges) -> None:
        """Change channels with weights near 0, so that their bias fits.

        A bias is stored in units of the scale of its channel's weights, and
        overflows if they are too small. One weight of such a channel becomes
        larger, which adds at most `2**-15` of the bias to the result.
        """
        for operator in self.operators:
            if self.kind(operator) not in AFFINE or len(operator.inputs) < 3:
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

    def _constant(self, index: int) -> np.ndarray | None:
        """Return the writable values of a float tensor, if it is constant."""
        tensor = self.graph.tensors[index]
        buffer = self.model.buffers[tensor.buffer]
        if buffer.data is None:
            return None
        if not buffer.data.flags.writeable:
            buffer.data = buffer.data.copy()
        return buffer.data.view("float32").reshape(tensor.shape)

    def _find_operators(self, stride: int) -> list[Any]:
        """Return operators between the first small map and the last weights."""
        operators = self.graph.operators
        is_affine = {id(x): self.kind(x) in AFFINE for x in operators}
        first = next(x for x in operators if is_affine[id(x)])
        largest = self._side(first.inputs[0]) / stride
        behind: set[int] = set()
        ahead: set[int] = set()
        chosen = []
        for operator in operators:
            is_small = 1 < self._side(operator.outputs[0]) <= largest
            if is_affine[id(operator)] and is_small:
                behind.update(operator.outputs)
            elif not behind.intersection(operator.inputs):
                continue
            behind.update(operator.outputs)
            chosen.append(operator)
        for operator in reversed(operators):
            if is_affine[id(operator)] or ahead.intersection(operator.outputs):
                ahead.update(operator.inputs)
        return [
            operator
            for operator in chosen
            if is_affine[id(operator)]
            or self.kind(operator) in OPERATORS
            and ahead.intersection(operator.outputs)
        ]

    def _side(self, index: int) -> int:
        """Return the longer side of a feature map, or 1 for other tensors."""
        shape = self.graph.tensors[index].shape
        return max(shape[1:3]) if shape is not None and len(shape) == 4 else 1


def _measure(
    path: pathlib.Path,
    names: Sequence[str],
    images: Sequence[np.ndarray],
    exact: Sequence[str] = (),
) -> dict[str, dict[str, np.ndarray]]:
    """Return the ranges of tensors, averaged over batches.

    More extreme values of single images are clipped, since a range that
    includes all of them makes the steps too coarse.

    Args:
        path: Path of the file.
        names: Names of the tensors.
        images: Sequence of images.
        exact: Names of the tensors whose ranges include the most extreme
            values instead. Defaults to none.

    Returns:
        A dictionary from names to dictionaries of the arrays `"min"` and
        `"max"`.
    """
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(
        str(path),
        experimental_preserve_all_tensors=True,
        # XNNPACK does not expose the tensors inside it.
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
    extremes: dict[tuple[str, str], list[np.ndarray]] = {}
    for batch in batches:
        runner(images=batch.astype(details["dtype"]))
        for name in names:
            values = interpreter.get_tensor(indices[name])
            for end in ("min", "max"):
                extreme = getattr(values, end)(keepdims=True)
                extremes.setdefault((name, end), []).append(extreme)
    ranges: dict[str, dict[str, np.ndarray]] = {}
    for (name, end), values in extremes.items():
        reduce = getattr(np, end) if name in exact else np.mean
        bound = reduce(np.array(values), axis=0)
        ranges.setdefault(name, {})[end] = bound.astype("float32")
    return ranges


def _make_batches(
    images: Sequence[np.ndarray], shape: Sequence[int]
) -> np.ndarray:
    """Group images into batches of the shape that the file accepts."""
    batch, *size = (int(side) for side in shape)
    shapes = {tuple(np.shape(image)) for image in images}
    dtypes = {np.asarray(image).dtype for image in images}
    if shapes != {tuple(size)} or dtypes != {np.dtype("uint8")}:
        raise ValueError(
            "`images` must have at least one image, and all must be uint8 "
            f"arrays of shape {tuple(size)}. Received: {len(images)} of shapes "
            f"{sorted(shapes)} and dtypes {sorted(map(str, dtypes))}"
        )
    if len(images) % batch:
        raise ValueError(
            f"The number of `images` must be a multiple of {batch}, the batch "
            f"size of the file. Received: {len(images)} images"
        )
    return np.stack(images).reshape(-1, batch, *size)
