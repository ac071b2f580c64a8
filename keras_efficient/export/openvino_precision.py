"""OpenVINO's models in int8."""

import contextlib
import io
import logging

from keras_efficient.export.network_parts import between

CONVOLUTIONS = ("Convolution", "GroupConvolution")
NO_WORK = ("Constant", "Parameter", "Result")
# Large feature maps, of strides below it, stay in floats. Few channels carry
# their values, of very different ranges, which one scale cannot serve.
FIRST_STRIDE = 8


def quantize(model, images):
    """A model that computes in 8 bits.

    Weights and activations of the network become int8, by NNCF, from the
    ranges that they have on `images`. The network's first part, up to maps of
    an eighth of the side, stays float32 for the sake of accuracy.

    Args:
        model: An `openvino.Model` in float32.
        images: Sequence of uint8 arrays `(height, width, 3)`, such as the
            model will see.

    Returns:
        An `openvino.Model`.
    """
    import nncf

    shape = model.inputs[0].partial_shape
    batch = shape[0].get_length() if shape[0].is_static else 1
    chosen = {x.get_friendly_name() for x in _small_operators(model)}
    others = [
        x.get_friendly_name()
        for x in model.get_ordered_ops()
        if x.get_type_name() not in NO_WORK
        and x.get_friendly_name() not in chosen
    ]
    # It tells of every operator.
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


def _small_operators(model):
    """Operators of the network with small feature maps, but of many pixels."""

    def is_affine(operator, is_behind):
        kind = operator.get_type_name()
        return kind in CONVOLUTIONS or is_behind and kind == "MatMul"

    network = between(
        model.get_ordered_ops(),
        lambda x: [_name(value.get_source_output()) for value in x.inputs()],
        lambda x: [_name(value) for value in x.outputs()],
        is_affine,
    )
    first = next(x for x in network if x.get_type_name() in CONVOLUTIONS)
    largest = _side(first.input_value(0)) / FIRST_STRIDE
    return [
        x
        for x in network
        if x.get_type_name() == "MatMul" or 1 < _side(x.output(0)) <= largest
    ]


def _name(output):
    return output.get_node().get_friendly_name(), output.get_index()


def _side(output):
    """The longer side of a feature map; 1 of other tensors."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4:
        return 1
    sides = [x.get_length() if x.is_static else 1 for x in list(shape)[2:]]
    return max(sides)
