"""The argument `weights` of a model builder."""

import difflib
import importlib.util
import os

from keras_efficient import weights as published
from keras_efficient.converters.file_formats import is_checkpoint
from keras_efficient.converters.loading import load_checkpoint
from keras_efficient.converters.variable_names import CLASSIFIER
from keras_efficient.converters.variable_names import find_layer


def load_pretrained(model, model_name, weights):
    """Fills a new model as its builder's argument `weights` says.

    Args:
        model: The model.
        model_name: Name of its builder, such as `"EfficientNetB0"`.
        weights: `None`, the name of a published set, or the path of a
            checkpoint of any format that `load_checkpoint` reads.

    Returns:
        A `LoadReport`, or `None` where nothing was to be loaded.

    Raises:
        OSError: If no file of a published set can be had.
        ValueError: If `weights` is neither a set nor a path, or does not fit.

    Example:
    >>> from keras_efficient.converters.pretrained import load_pretrained
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> load_pretrained(model, "EfficientNetB0", None)
    """
    if weights is None:
        return None
    tags = published.tags(model_name)
    # Sets come first: a folder of pictures may well be called "imagenet".
    if isinstance(weights, str) and weights in tags:
        return _load_published(model, model_name, weights)
    if isinstance(weights, str | os.PathLike) and is_checkpoint(weights):
        return load_checkpoint(model, weights)
    close = difflib.get_close_matches(str(weights), tags, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"`weights` of {model_name} must be None, the path of an existing "
        f"checkpoint, or one of {tags}.{meant} Received: weights={weights!r}"
    )


def _load_published(model, model_name, tag):
    """Loads the first file of a set that can be had."""
    has_top = find_layer(model, CLASSIFIER) is not None
    entries = published.find(model_name, tag, include_top=has_top)
    reasons = {}
    for entry in entries:
        if _needs_missing_package(entry):
            reasons[entry.urls[0]] = (
                "left out, as reading it needs TensorFlow: "
                'pip install "keras-efficient[convert]"'
            )
            continue
        try:
            file = published.fetch(entry)
        except published.DownloadError as error:
            reasons.update(error.reasons)
            continue
        # Its name is in the manifest, and tells all else.
        return load_checkpoint(model, file)
    path = published.cache_dir() / entries[0].file_name
    raise published.DownloadError(path, reasons)


def _needs_missing_package(entry):
    return (
        entry.format == "tensorflow_checkpoint"
        and importlib.util.find_spec("tensorflow") is None
    )
