"""Multiply-adds of Keras models.

Papers call them FLOPs: one for each weight of a convolution or matrix product
and each position where it is used. Batch normalization, activations, pooling
and sums are excluded, as in the tables of EfficientNet and EfficientDet.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import keras

from keras_efficient.counting.layer_costs import WHOLES
from keras_efficient.counting.layer_costs import count_call
from keras_efficient.counting.layer_costs import has_cost
from keras_efficient.internals import keras_internals
from keras_efficient.types import Shape

# Function of a layer, its input shape and its output shape.
Counter: TypeAlias = Callable[[keras.layers.Layer, Any, Any], int]


def count_multiply_adds(
    model: keras.Model,
    image_size: tuple[int, int] | None = None,
    by_layer: bool = False,
    counters: Mapping[type, Counter] | None = None,
) -> Any:
    """Return the multiply-adds of a model for one sample.

    The model is traced by its backend and not run, so that even D7 takes
    seconds and little memory. Supported are Keras' convolutions, Dense,
    EinsumDense, attention and recurrent layers, and products by `keras.ops`
    between the layers of a functional model.

    Args:
        model: Functional or Sequential `keras.Model`.
        image_size: Pair `(height, width)` in pixels, for models that accept
            images of any size. Defaults to that of the model.
        by_layer: Boolean, whether to count each layer separately. Defaults to
            `False`.
        counters: Dict of layer classes to functions of a layer, its input
            shape and its output shape, with a batch of one, that return its
            multiply-adds including those of inner layers. Defaults to `None`.

    Returns:
        An integer. With `by_layer` a dict of the paths of layers to integers,
        in order of first use.

    Raises:
        NotImplementedError: If a layer has a kernel and is of an unknown kind.
        ValueError: If the model accepts inputs of any size and `image_size` is
            `None`.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.counting.count_multiply_adds(model)
    385814752
    """
    inputs = _inputs(model, image_size)
    trace = _Trace(model, counters or {})
    trace.run(inputs)
    return trace.counts if by_layer else sum(trace.counts.values())


class _Trace(keras.Operation):
    """A model's call, traced by the backend.

    `compute_output_spec` of a model would only ask its layers for shapes.
    """

    def __init__(
        self, model: keras.layers.Layer, counters: Mapping[type, Counter]
    ) -> None:
        super().__init__()
        self.model = model
        self.counters = counters
        self.counts: dict[str, int] = {}

    def run(self, inputs: Any) -> None:
        """Trace the model on symbolic inputs."""
        operations = list(_counted(self.model, tuple(self.counters)))
        with _calls_recorded(operations, self.record):
            self.compute_output_spec(inputs)

    def call(self, inputs: Any) -> Any:
        # On PyTorch, Keras traces again if the first attempt fails.
        self.counts.clear()
        return self.model(inputs)

    def record(
        self, operation: keras.Operation, arguments: tuple, outputs: Any
    ) -> None:
        """Add one call of a layer; layers of heads are called repeatedly."""
        name = getattr(operation, "path", operation.name)
        count = self._count(operation, arguments, outputs)
        self.counts[name] = self.counts.get(name, 0) + count

    def _count(
        self, operation: keras.Operation, arguments: tuple, outputs: Any
    ) -> int:
        for kind, counter in self.counters.items():
            if isinstance(operation, kind):
                shapes = [
                    keras.tree.map_structure(lambda x: tuple(x.shape), x)
                    for x in (arguments[0], outputs)
                ]
                return counter(operation, *shapes)
        return count_call(operation, arguments, outputs, self._count_inner)

    def _count_inner(self, layer: keras.layers.Layer, shape: Shape) -> int:
        trace = _Trace(layer, self.counters)
        trace.run(keras.KerasTensor(shape, layer.compute_dtype))
        return sum(trace.counts.values())


def _counted(
    layer: keras.layers.Layer, others: tuple[type, ...]
) -> Iterator[keras.Operation]:
    """Yield the layers and operations inside a layer that are counted."""
    if isinstance(layer, others):
        yield layer
        return
    if has_cost(layer):
        yield layer
    if isinstance(layer, WHOLES):
        return
    for inner in keras_internals.child_layers(layer):
        yield from _counted(inner, others)
    for operation in getattr(layer, "operations", ()):
        is_layer = isinstance(operation, keras.layers.Layer)
        if not is_layer and has_cost(operation):
            yield operation


def _inputs(model: keras.Model, image_size: tuple[int, int] | None) -> Any:
    """Return symbolic inputs of one sample, in the structure of the model."""
    if image_size is not None:
        _, *shape = model.input_shape
        free = [i for i, size in enumerate(shape) if size is None]
        sizes = list(image_size)
        if len(free) != len(sizes):
            raise ValueError(
                "`image_size` is for models that accept images of any size. "
                f"Received: image_size={image_size} and a model for "
                f"{model.input_shape}"
            )
        for i, size in zip(free, sizes, strict=True):
            shape[i] = size
        return keras.KerasTensor((1, *shape), dtype=model.inputs[0].dtype)
    shapes = [tuple(x.shape[1:]) for x in model.inputs]
    if any(None in shape for shape in shapes):
        raise ValueError(
            "This model accepts inputs of any size: pass `image_size`, the "
            "(height, width) of images, or build it for one size. Received: "
            "a model for "
            f"{[tuple(x.shape) for x in model.inputs]}"
        )
    is_sequential = isinstance(model, keras.Sequential)  # has no `input`
    return keras.tree.map_structure(
        lambda x: keras.KerasTensor((1, *x.shape[1:]), dtype=x.dtype),
        model.inputs[0] if is_sequential else model.input,
    )


@contextlib.contextmanager
def _calls_recorded(
    operations: Iterable[keras.Operation], record: Callable[..., None]
) -> Iterator[None]:
    """Call `record(operation, arguments, outputs)` after each call."""

    def recorded(operation: keras.Operation) -> Callable:
        original = getattr(operation, _called(operation))

        def call(*args, **kwargs):
            outputs = original(*args, **kwargs)
            record(operation, (*args, *kwargs.values()), outputs)
            return outputs

        return call

    operations = list({id(x): x for x in operations}.values())
    try:
        for operation in operations:
            # Bypasses Keras' tracking of attributes.
            call = recorded(operation)
            object.__setattr__(operation, _called(operation), call)
        yield
    finally:
        for operation in operations:
            vars(operation).pop(_called(operation), None)


def _called(operation: keras.Operation) -> str:
    """Return the method that Keras calls; quantized layers have another."""
    is_quantized = getattr(operation, "quantization_mode", None) is not None
    return "quantized_call" if is_quantized else "call"
