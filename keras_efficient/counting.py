"""Parameters and multiply-adds of Keras models, exactly and without a run.

What papers call FLOPs is the multiply-adds of convolutions and matrix
products: one for each weight and each place where it is used. Batch norm,
activations, pooling and sums are left out, as in the tables of EfficientNet
and EfficientDet.
"""

import contextlib
import math

import keras


def count_parameters(model):
    """Number of the numbers that training changes.

    Frozen weights count as well; the moving statistics of batch norm and
    other state do not.

    Args:
        model: `keras.Model` or layer, built.

    Returns:
        An integer.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.counting.count_parameters(model)
    5288548
    """
    # `trainable` of a frozen layer's weights is False; of a variable that is
    # never trained it was from the beginning.
    return sum(
        math.prod(variable.shape)
        for layer in _layers_of(model)
        for variable in layer._trainable_variables
    )


def count_multiply_adds(model, image_size=None, by_layer=False):
    """Multiply-adds of one image's way through a model.

    The model is traced by its backend and not run, so that even D7 takes
    seconds and no memory.

    Args:
        model: Functional `keras.Model` with one input.
        image_size: Pair `(height, width)` in pixels, for models that take
            images of any size. Defaults to the model's own.
        by_layer: Boolean, whether to count each layer for itself. Defaults to
            `False`.

    Returns:
        An integer; with `by_layer` a dict of the paths of layers to integers,
        in the order in which they are first used.

    Raises:
        NotImplementedError: If a layer has a kernel and is of no known kind.
        ValueError: If the model takes images of any size and none is given.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> keras_efficient.counting.count_multiply_adds(model)
    385814752
    """
    trace = _Trace(model)
    layers = [layer for layer in _layers_of(model) if _has_kernel(layer)]
    with _calls_recorded(layers, trace.record):
        trace.compute_output_spec(_image(model, image_size))
    return trace.counts if by_layer else sum(trace.counts.values())


class _Trace(keras.Operation):
    """A model's call, traced by the backend whatever its layers promise."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.counts = {}

    def call(self, images):
        # PyTorch traces again where its first way has failed.
        self.counts.clear()
        return self.model(images)

    def record(self, layer, inputs, outputs):
        """Adds one call of a layer, which heads make at every level."""
        count = _count(layer, inputs.shape, outputs.shape)
        self.counts[layer.path] = self.counts.get(layer.path, 0) + count


def _has_kernel(layer):
    return any(
        getattr(layer, name, None) is not None
        for name in ("kernel", "depthwise_kernel")
    )


def _count(layer, input_shape, output_shape):
    kinds = keras.layers
    if isinstance(layer, kinds.Dense):
        places = math.prod(input_shape[1:-1])
        return places * math.prod(layer.kernel.shape)
    transposed = (
        kinds.Conv1DTranspose | kinds.Conv2DTranspose | kinds.Conv3DTranspose
    )
    if isinstance(layer, transposed):
        return _places(layer, input_shape) * math.prod(layer.kernel.shape)
    if isinstance(layer, kinds.SeparableConv1D | kinds.SeparableConv2D):
        size = math.prod(layer.depthwise_kernel.shape)
        size += math.prod(layer.pointwise_kernel.shape)
        return _places(layer, output_shape) * size
    plain = kinds.Conv1D | kinds.Conv2D | kinds.Conv3D
    depthwise = kinds.DepthwiseConv1D | kinds.DepthwiseConv2D
    if isinstance(layer, plain | depthwise):
        return _places(layer, output_shape) * math.prod(layer.kernel.shape)
    raise NotImplementedError(
        f"The multiply-adds of {type(layer).__name__} {layer.path!r} are not "
        "known. Known are convolutions and Dense."
    )


def _places(layer, shape):
    """How many places of one image a kernel is used at."""
    if layer.data_format == "channels_last":
        return math.prod(shape[1:-1])
    return math.prod(shape[2:])


def _image(model, image_size):
    """A symbolic batch of one image."""
    _, *shape = model.input_shape
    if image_size is not None:
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
    if None in shape:
        raise ValueError(
            "This model takes images of any size: pass `image_size`, their "
            f"(height, width). It takes {model.input_shape}"
        )
    return keras.KerasTensor((1, *shape), dtype=model.input.dtype)


def _layers_of(model):
    return model._flatten_layers(include_self=True, recursive=True)


@contextlib.contextmanager
def _calls_recorded(layers, record):
    """Has `record(layer, inputs, outputs)` called after each call."""

    def recorded(layer):
        original = layer.call

        def call(inputs, *args, **kwargs):
            outputs = original(inputs, *args, **kwargs)
            record(layer, inputs, outputs)
            return outputs

        return call

    layers = list(layers)
    try:
        for layer in layers:
            # Past Keras, which keeps track of what layers are given.
            object.__setattr__(layer, "call", recorded(layer))
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)
