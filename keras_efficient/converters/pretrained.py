"""The argument `weights` of a model builder."""

import difflib
import importlib.util
import os

import keras

from keras_efficient import weights as published
from keras_efficient.converters.file_formats import is_checkpoint
from keras_efficient.converters.loading import load_checkpoint
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.converters.naming.variable_names import find_layer
from keras_efficient.converters.report import LoadReport
from keras_efficient.types import PathLike
from keras_efficient.variants import DETECTION_VARIANTS
from keras_efficient.weights import WeightsEntry


def load_pretrained(
    model: keras.Model,
    model_name: str,
    weights: PathLike | None,
    argument: str = "weights",
) -> LoadReport | None:
    """Load the weights that the argument `weights` of a builder names.

    Args:
        model: The new model.
        model_name: Name of its builder, such as `"EfficientNetB0"`.
        weights: `None`, the tag of published weights, or the path of a
            checkpoint of any format that `load_checkpoint` reads.
        argument: String, the name of the argument, for messages. Defaults to
            `"weights"`.

    Returns:
        A `LoadReport`, or `None` if `weights` is `None`.

    Raises:
        OSError: If no file of the published weights can be downloaded.
        ValueError: If `weights` is neither a tag nor a path, or if the file
            does not fit.

    Example:
    >>> from keras_efficient.converters.pretrained import load_pretrained
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> load_pretrained(model, "EfficientNetB0", None)
    """
    if weights is None:
        return None
    tags = published.tags(model_name)
    # Tags take precedence: a folder of images may be named "imagenet".
    if isinstance(weights, str) and weights in tags:
        return _load_published(model, model_name, weights, argument)
    if isinstance(weights, str | os.PathLike) and is_checkpoint(weights):
        return load_checkpoint(model, weights)
    close = difflib.get_close_matches(str(weights), tags, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"`{argument}` of {model_name} must be None, the path of an existing "
        f"checkpoint, or one of {tags}.{meant} Received: {argument}={weights!r}"
    )


def _load_published(
    model: keras.Model, model_name: str, tag: str, argument: str
) -> LoadReport:
    """Load the first file of published weights that can be downloaded."""
    has_top = find_layer(model, CLASSIFIER) is not None
    entries = published.find(model_name, tag, include_top=has_top)
    reasons = {}
    for entry in entries:
        if _needs_missing_package(entry):
            reasons[entry.urls[0]] = (
                "skipped, since reading it needs TensorFlow: "
                'pip install "keras-efficient[convert]"'
            )
            continue
        try:
            file = published.fetch(entry)
        except published.DownloadError as error:
            reasons.update(error.reasons)
            continue
        except published.HashMismatchError as error:
            raise published.HashMismatchError(
                f"{error} {_instead(model_name, argument)}"
            ) from error
        # The library and the normalization follow from its name.
        return load_checkpoint(model, file)
    path = published.cache_dir() / entries[0].file_name
    instead = _instead(model_name, argument)
    raise published.DownloadError(path, reasons, instead)


def _instead(model_name: str, argument: str) -> str:
    """Return how to build a model without the download."""
    arguments = f"`{argument}=None`"
    if model_name in DETECTION_VARIANTS:
        # Otherwise its backbone has weights of its own.
        arguments += " and `backbone_weights=None`"
    return f"For a model with random weights, pass {arguments}."


def _needs_missing_package(entry: WeightsEntry) -> bool:
    return (
        entry.format == "tensorflow_checkpoint"
        and importlib.util.find_spec("tensorflow") is None
    )
