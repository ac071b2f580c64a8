"""Folding: constants of inference computed once instead of in every call.

A batch normalization in inference mode is a scale and a shift for each
channel, which the preceding convolution can absorb. `ConvNorm` and its
relatives are built in this *folded* form inside `folding_scope()`; layers that
are composed of them need no code for it except the base class `Foldable`,
which saves and restores the form.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_efficient.internals import keras_internals
from keras_efficient.layers.composite import Composite

_IS_FOLDING = contextvars.ContextVar("is_folding", default=False)


@contextlib.contextmanager
def folding_scope(is_folding: bool = True) -> Iterator[None]:
    """Build the layers inside the scope in their folded form.

    Args:
        is_folding: Boolean, whether to fold. `False` leaves an enclosing
            scope in effect. Defaults to `True`.
    """
    token = _IS_FOLDING.set(is_folding or _IS_FOLDING.get())
    try:
        yield
    finally:
        _IS_FOLDING.reset(token)


@contextlib.contextmanager
def unfolded_scope() -> Iterator[None]:
    """Build the layers inside the scope in their usual form."""
    token = _IS_FOLDING.set(False)
    try:
        yield
    finally:
        _IS_FOLDING.reset(token)


def is_folding() -> bool:
    """Return whether layers built now take their folded form."""
    return _IS_FOLDING.get()


class Foldable(Composite):
    """Base class of layers that contain something that can be folded.

    The form is decided when a layer is built. The config of a folded layer
    has an entry for it, so that copies and saved layers are folded as well.
    """

    # Set by the `build` of layers that themselves have two forms.
    folded = False
    # Whether the config that the layer was created from is of a folded layer.
    _is_copy_of_folded = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; the first call builds it in its form."""
        if self.built or not self._is_copy_of_folded:
            return super().__call__(*args, **kwargs)
        with folding_scope():
            return super().__call__(*args, **kwargs)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer in the form in which it was saved."""
        with folding_scope(self._is_copy_of_folded):
            super().build_from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the base config, with an entry if the layer is folded."""
        config = super().get_config()
        if is_folded(self):
            config["folded"] = True
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Foldable":
        """Create a layer, in the form of the layer that the config is of."""
        config = dict(config)
        is_copy_of_folded = config.pop("folded", False)
        layer = super().from_config(config)
        layer._is_copy_of_folded = is_copy_of_folded
        return layer


def is_folded(layer: keras.layers.Layer) -> bool:
    """Return whether a layer, or any layer inside it, is folded."""
    layers = [layer, *keras_internals.all_layers(layer)]
    return any(getattr(x, "folded", False) for x in layers)


def fold_weights(
    target: keras.layers.Layer, source: keras.layers.Layer
) -> None:
    """Assign to a folded layer the weights of a layer that may be unfolded.

    Args:
        target: Layer of the class and configuration of `source`, built inside
            a `folding_scope`.
        source: Layer whose weights are read.
    """
    if target.folded and not source.folded:
        target.fold_from(source)
        return
    children = keras_internals.child_layers(target)
    if not children:
        copy_weights(target, source)
        return
    others = keras_internals.child_layers(source)
    for child, other in zip(children, others, strict=True):
        if isinstance(child, Foldable):
            fold_weights(child, other)
        else:
            copy_weights(child, other)


def copy_weights(
    target: keras.layers.Layer, source: keras.layers.Layer
) -> None:
    """Assign to a layer the weights of another one of the same structure."""
    for new, old in zip(target.weights, source.weights, strict=True):
        # Through NumPy: on JAX two variables would otherwise share one array,
        # which a training step donates.
        new.assign(ops.convert_to_numpy(old.value))


def fold_normalization(
    target: keras.layers.Layer,
    conv: keras.layers.Layer,
    norm: keras.layers.BatchNormalization,
) -> None:
    """Assign to a convolution another one with its normalization folded in.

    Args:
        target: Layer of the class of `conv`, built, with a bias.
        conv: Convolution or dense layer of Keras or of this package, without
            an activation.
        norm: The batch normalization that follows it.
    """
    if hasattr(conv, "pointwise_conv"):
        copy_weights(target.depthwise_conv, conv.depthwise_conv)
        fold_normalization(target.pointwise_conv, conv.pointwise_conv, norm)
        return
    scale, shift = _scale_and_shift(norm)
    if conv.use_bias:
        shift = shift + _values(conv.bias) * scale
    target.bias.assign(shift.astype("float32"))
    if hasattr(conv, "pointwise_kernel"):
        target.depthwise_kernel.assign(conv.depthwise_kernel)
        _assign_scaled(target.pointwise_kernel, conv.pointwise_kernel, scale)
        return
    if isinstance(conv, keras.layers.DepthwiseConv2D):
        scale = scale.reshape(conv.kernel.shape[2:])
    _assign_scaled(target.kernel, conv.kernel, scale)


def _assign_scaled(
    variable: keras.Variable, source: keras.Variable, scale: np.ndarray
) -> None:
    variable.assign((_values(source) * scale).astype("float32"))


def _scale_and_shift(
    norm: keras.layers.BatchNormalization,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and the shift of each channel in inference mode."""
    scale = 1.0 / np.sqrt(_values(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale = scale * _values(norm.gamma)
    shift = -_values(norm.moving_mean) * scale
    if norm.center:
        shift = shift + _values(norm.beta)
    return scale, shift


def _values(variable: keras.Variable) -> np.ndarray:
    return ops.convert_to_numpy(variable).astype("float64")
