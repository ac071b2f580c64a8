"""Multiply-adds of Keras models.

What papers call FLOPs is the multiply-adds of convolutions and matrix
products: one for each weight and each place where it is used. Batch norm,
activations, pooling and sums are left out, as in the tables of EfficientNet
and EfficientDet.
"""

import contextlib

import keras

from keras_efficient.counting.layer_costs import WHOLES
from keras_efficient.counting.layer_costs import costs_something
from keras_efficient.counting.layer_costs import count_call


def count_multiply_adds(model, image_size=None, by_layer=False, counters=None):
    """Multiply-adds of one sample's way through a model.

    The model is traced by its backend and not run, so that even D7 takes
    seconds and no memory. Known are Keras' convolutions, Dense, EinsumDense,
    attention and recurrent layers, and products by `keras.ops` between the
    layers of a functional model.

    Args:
        model: Functional or Sequential `keras.Model`.
        image_size: Pair `(height, width)` in pixels, for models that take
            images of any size. Defaults to the model's own.
        by_layer: Boolean, whether to count each layer for itself. Defaults to
            `False`.
        counters: Dict of classes of layers to functions of a layer, its input
            shape and its output shape, with a batch of one, that give its
            multiply-adds. They count for all that is within the layer.
            Defaults to `None`.

    Returns:
        An integer; with `by_layer` a dict of the paths of layers to integers,
        in the order in which they are first used.

    Raises:
        NotImplementedError: If a layer has a kernel and is of no known kind.
        ValueError: If the model takes inputs of any size and none is given.

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
    """A model's call, traced by the backend whatever its layers promise."""

    def __init__(self, model, counters):
        super().__init__()
        self.model = model
        self.counters = counters
        self.counts = {}

    def run(self, inputs):
        """Traces the model on symbolic inputs."""
        operations = list(_counted(self.model, tuple(self.counters)))
        with _calls_recorded(operations, self.record):
            self.compute_output_spec(inputs)

    def call(self, inputs):
        # PyTorch traces again where its first way has failed.
        self.counts.clear()
        return self.model(inputs)

    def record(self, operation, arguments, outputs):
        """Adds one call of a layer, which heads make at every level."""
        name = getattr(operation, "path", operation.name)
        count = self._count(operation, arguments, outputs)
        self.counts[name] = self.counts.get(name, 0) + count

    def _count(self, operation, arguments, outputs):
        for kind, counter in self.counters.items():
            if isinstance(operation, kind):
                shapes = [
                    keras.tree.map_structure(lambda x: tuple(x.shape), x)
                    for x in (arguments[0], outputs)
                ]
                return counter(operation, *shapes)
        return count_call(operation, arguments, outputs, self._count_inner)

    def _count_inner(self, layer, shape):
        trace = _Trace(layer, self.counters)
        trace.run(keras.KerasTensor(shape, layer.compute_dtype))
        return sum(trace.counts.values())


def _counted(layer, others):
    """Yields what of a layer is to be counted, not looking into wholes."""
    if isinstance(layer, others):
        yield layer
        return
    if costs_something(layer):
        yield layer
    if isinstance(layer, WHOLES):
        return
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        yield from _counted(inner, others)
    for operation in getattr(layer, "operations", ()):
        is_layer = isinstance(operation, keras.layers.Layer)
        if not is_layer and costs_something(operation):
            yield operation


def _inputs(model, image_size):
    """Symbolic inputs of one sample, in the structure of the model's."""
    if image_size is not None:
        _, *shape = model.input_shape
        free = [i for i, size in enumerate(shape) if size is None]
        sizes = list(image_size)
        if len(free) != len(sizes):
            raise ValueError(
                "`image_size` is for models that take images of any size. "
                f"Received: image_size={image_size} and a model for "
                f"{model.input_shape}"
            )
        for i, size in zip(free, sizes, strict=True):
            shape[i] = size
        return keras.KerasTensor((1, *shape), dtype=model.inputs[0].dtype)
    shapes = [tuple(x.shape[1:]) for x in model.inputs]
    if any(None in shape for shape in shapes):
        raise ValueError(
            "This model takes inputs of any size: pass `image_size`, the "
            "(height, width) of images, or build it for one size. It takes "
            f"{[tuple(x.shape) for x in model.inputs]}"
        )
    is_sequential = isinstance(model, keras.Sequential)  # has no `input`
    return keras.tree.map_structure(
        lambda x: keras.KerasTensor((1, *x.shape[1:]), dtype=x.dtype),
        model.inputs[0] if is_sequential else model.input,
    )


@contextlib.contextmanager
def _calls_recorded(operations, record):
    """Has `record(operation, arguments, outputs)` called after each call."""

    def recorded(operation):
        original = operation.call

        def call(*args, **kwargs):
            outputs = original(*args, **kwargs)
            record(operation, (*args, *kwargs.values()), outputs)
            return outputs

        return call

    operations = list({id(x): x for x in operations}.values())
    try:
        for operation in operations:
            # Past Keras, which keeps track of what layers are given.
            object.__setattr__(operation, "call", recorded(operation))
        yield
    finally:
        for operation in operations:
            vars(operation).pop("call", None)
