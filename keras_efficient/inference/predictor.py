"""The network of a model, fused and compiled for inference."""

from typing import Any

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.fusing import fill_fused
from keras_efficient.fusing import fuse
from keras_efficient.internals.bounded_cache import BoundedCache
from keras_efficient.types import Tensor

# Attribute of a model that holds its predictors.
CACHE = "_predictors"
# Shapes of images for which a predictor keeps compiled programs. Models that
# accept images of any size may receive many.
MAX_SHAPES = 16


class Predictor:
    """The fused network of a model, compiled for each input shape.

    It is an XLA program on JAX, a frozen function on TensorFlow and a trace on
    PyTorch; those of the last 16 shapes are kept. It has its own copy of the
    weights; `refresh` updates them after the model was trained.

    Args:
        model: A functional or Sequential `keras.Model` with one input.
        dtype: String, the dtype of the computation, such as `"bfloat16"`.
            Defaults to `None`: as the model.

    Call arguments:
        images: Array or tensor, as the model accepts it.

    Returns:
        When called, the model's outputs as tensors.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> predictor = keras_efficient.inference.Predictor(model)
    >>> tuple(predictor(np.zeros((1, 224, 224, 3), "float32")).shape)
    (1, 1000)
    """

    def __init__(self, model: keras.Model, dtype: str | None = None):
        self.model = model
        self.network = fuse(model, dtype)
        self._fingerprint = kernels.fingerprint(model.variables)
        self._activations = _activations_of(model)
        self._compiled: BoundedCache[Any] = BoundedCache(MAX_SHAPES)

    def __call__(self, images: Tensor) -> Any:
        images = _as_array(images)
        key = (tuple(images.shape), str(images.dtype))

        def compiled() -> Any:
            return kernels.compile_function(
                self._run, [images], self.network.variables, False
            )

        return self._compiled.get(key, compiled)(images)

    def has_current_layers(self) -> bool:
        """Return whether no activation was exchanged since the creation."""
        return self._activations == _activations_of(self.model)

    def refresh(self) -> bool:
        """Update the weights if those of the model have changed.

        Returns:
            A boolean, whether they had changed.
        """
        fingerprint = kernels.fingerprint(self.model.variables)
        if fingerprint == self._fingerprint:
            return False
        fill_fused(self.network, self.model)
        self._fingerprint = fingerprint
        if kernels.HOLDS_VALUES:
            self._compiled.clear()
        return True

    def _run(self, images: Tensor) -> Any:
        network = self.network
        images = keras.tree.map_structure(lambda _: images, network.input)
        return network(images, training=False)


def predictor_of(model: keras.Model, dtype: str | None = None) -> Predictor:
    """Return the predictor of a model, with the model's current weights.

    The predictor is created at the first call and cached with the model.

    Args:
        model: A functional or Sequential `keras.Model` with one input.
        dtype: String, the dtype of the computation. Defaults to `None`: as the
            model.

    Returns:
        A `Predictor`.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> predictor = keras_efficient.inference.predictor_of(model)
    >>> predictor is keras_efficient.inference.predictor_of(model)
    True
    """
    predictors = cache_of(model, CACHE)
    if dtype in predictors and predictors[dtype].has_current_layers():
        predictors[dtype].refresh()
    else:
        predictors[dtype] = Predictor(model, dtype)
    return predictors[dtype]


def cache_of(model: keras.Model, name: str) -> dict:
    """Return a dictionary that lives as long as a model.

    Args:
        model: A Keras model.
        name: String, name of the attribute that holds the dictionary.

    Returns:
        The dictionary, empty at the first call.
    """
    cache = model.__dict__.get(name)
    if cache is None:
        cache = {}
        # Bypasses Keras' tracking, which would make it a part of the model.
        object.__setattr__(model, name, cache)
    return cache


def _activations_of(model: keras.Model) -> list[Any]:
    return [getattr(layer, "activation", None) for layer in model.layers]


def _as_array(images: Tensor) -> Tensor:
    return images if hasattr(images, "shape") else ops.convert_to_numpy(images)
