"""A network as it runs fastest: fused, compiled, kept with its model."""

import keras
from keras import ops

from keras_efficient import kernels
from keras_efficient.fusing import fill_fused
from keras_efficient.fusing import fuse

# Name of a model's attribute with its predictors.
CACHE = "_predictors"


class Predictor:
    """The fused network of a model, compiled for each shape that comes.

    A program of XLA on JAX, a frozen function on TensorFlow, a trace on
    PyTorch. It has weights of its own, beside the model's; `refresh` takes
    over what training has changed.

    Args:
        model: A functional or Sequential `keras.Model` with one input.
        dtype: String, in what the network computes, such as `"bfloat16"`.
            Defaults to `None`: as the model does.

    Call arguments:
        images: Array or tensor, as the model takes it.

    Returns:
        When called, the model's outputs, as tensors.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> predictor = keras_efficient.inference.Predictor(model)
    >>> tuple(predictor(np.zeros((1, 224, 224, 3), "float32")).shape)
    (1, 1000)
    """

    def __init__(self, model, dtype=None):
        self.model = model
        self.network = fuse(model, dtype)
        self._fingerprint = kernels.fingerprint(model.variables)
        self._compiled = {}

    def __call__(self, images):
        images = _as_array(images)
        key = (tuple(images.shape), str(images.dtype))
        if key not in self._compiled:
            self._compiled[key] = kernels.compiled(
                self._run, [images], self.network.variables, False
            )
        return self._compiled[key](images)

    def refresh(self):
        """Takes over the weights that the model has now, where they changed.

        Returns:
            Boolean, whether they had changed.
        """
        fingerprint = kernels.fingerprint(self.model.variables)
        if fingerprint == self._fingerprint:
            return False
        fill_fused(self.network, self.model)
        self._fingerprint = fingerprint
        if kernels.HOLDS_VALUES:
            self._compiled.clear()
        return True

    def _run(self, images):
        network = self.network
        images = keras.tree.map_structure(lambda _: images, network.input)
        return network(images, training=False)


def predictor_of(model, dtype=None):
    """The predictor that is kept with a model, with its weights of now.

    Args:
        model: As for `Predictor`.
        dtype: As for `Predictor`.

    Returns:
        A `Predictor`.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> predictor = keras_efficient.inference.predictor_of(model)
    >>> predictor is keras_efficient.inference.predictor_of(model)
    True
    """
    predictors = kept_with(model, CACHE)
    if dtype in predictors:
        predictors[dtype].refresh()
    else:
        predictors[dtype] = Predictor(model, dtype)
    return predictors[dtype]


def kept_with(model, name):
    """A dict that lives as long as a model.

    Args:
        model: Any object.
        name: String, its name.

    Returns:
        The dict, empty at first.
    """
    cache = model.__dict__.get(name)
    if cache is None:
        cache = {}
        # Not as an attribute of Keras: it would become a part of the model.
        object.__setattr__(model, name, cache)
    return cache


def _as_array(images):
    return images if hasattr(images, "shape") else ops.convert_to_numpy(images)
