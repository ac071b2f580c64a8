"""Keras' own `.weights.h5` and `.keras` files, which Keras itself reads.

They do not name layers but count those of each class, so that only a model
of the same layers can take them.
"""

import contextlib
import io
import os
import pathlib
import shutil
import tempfile
import warnings
import zipfile

import keras
import numpy as np

from keras_efficient.converters.file_formats import KERAS_ARCHIVE
from keras_efficient.converters.matching import Match
from keras_efficient.converters.report import Mismatch
from keras_efficient.converters.variable_names import CLASS_PREDICTOR
from keras_efficient.converters.variable_names import CLASSIFIER
from keras_efficient.converters.variable_names import named_variables

# Where Keras keeps what knows the classes. Its second head predicts them: it
# counts the layers in the order of the outputs' names.
_PLACES = {
    CLASSIFIER: "layers/dense",
    f"{CLASS_PREDICTOR}/pointwise_conv": (
        "layers/prediction_head_1/predictor/pointwise_conv"
    ),
}
# What Keras raises for a file that does not fit, or is damaged.
_ERRORS = (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@contextlib.contextmanager
def loaded_into(model, path, kind):
    """Loads a file; takes it back if the block within raises.

    Args:
        model: The model to be filled.
        path: `pathlib.Path` of the file.
        kind: `file_formats.KERAS_ARCHIVE` or `file_formats.KERAS_WEIGHTS`.

    Yields:
        A `Match`. Variables that the file does not fill keep their values.

    Returns:
        A context manager.

    Raises:
        ValueError: If the file is damaged.
    """
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    try:
        with _path_with_suffix(path, kind) as readable:
            yield _load(model, readable, path)
    except BaseException:
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        raise


def _load(model, readable, path):
    try:
        _load_quietly(model, readable)
        unfilled, reason = set(), None
    except _ERRORS as error:
        unfilled, reason = _load_what_fits(model, readable), error
    result = Match()
    shapes = _classifier_shapes(readable) if unfilled else {}
    for name, variable in named_variables(model).items():
        shape = tuple(variable.shape)
        if id(variable) not in unfilled:
            result.values[name] = keras.ops.convert_to_numpy(variable)
        elif shapes.get(name, shape) != shape:
            result.mismatched.append(Mismatch(name, shapes[name], shape))
        else:
            result.missing.append(name)
    if not result.values:
        raise ValueError(
            f"{path} cannot be loaded by Keras: {reason}"
        ) from reason
    return result


def _load_what_fits(model, readable):
    """Loads what fits, and gives the `id` of each variable that is not it."""
    floats = [v for v in model.weights if "float" in str(v.dtype)]
    before = [keras.ops.convert_to_numpy(v) for v in floats]
    for variable in floats:
        variable.assign(np.full(variable.shape, np.nan))
    with contextlib.suppress(*_ERRORS):
        _load_quietly(model, readable, skip_mismatch=True)
    unfilled = set()
    for variable, value in zip(floats, before, strict=True):
        if np.isnan(keras.ops.convert_to_numpy(variable)).all():
            variable.assign(value)
            unfilled.add(id(variable))
    return unfilled


def _load_quietly(model, readable, **arguments):
    with warnings.catch_warnings():
        # Keras' lists of what does not fit; the report says it better.
        warnings.simplefilter("ignore")
        model.load_weights(readable, **arguments)


def _classifier_shapes(readable):
    """Shapes of the layer of a file that knows the classes, if it has one."""
    import h5py

    with contextlib.ExitStack() as stack:
        file = readable
        if readable.endswith(".keras"):
            archive = stack.enter_context(zipfile.ZipFile(readable))
            file = io.BytesIO(archive.read("model.weights.h5"))
        weights = stack.enter_context(h5py.File(file, "r"))
        return {
            f"{layer}/{name}": weights[f"{place}/vars/{i}"].shape
            for layer, place in _PLACES.items()
            for i, name in enumerate(("kernel", "bias"))
            if f"{place}/vars/{i}" in weights
        }


@contextlib.contextmanager
def _path_with_suffix(path, kind):
    """The file under a name by which Keras knows its format."""
    suffix = ".keras" if kind == KERAS_ARCHIVE else ".weights.h5"
    if path.name.endswith(suffix):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder, f"file{suffix}")
        try:
            os.symlink(path.absolute(), link)
        except OSError:  # not every system allows links
            shutil.copyfile(path, link)
        yield str(link)
