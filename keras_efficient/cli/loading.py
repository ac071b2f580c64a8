"""Models as the command line names them."""

import difflib
import pathlib
import zipfile
from collections.abc import Sequence

import keras

import keras_efficient
from keras_efficient import variants
from keras_efficient import weights as published
from keras_efficient.cli.downloads import announce
from keras_efficient.data.readers.files import read_text

CLASSIFIERS = (*variants.EFFICIENTNET_VARIANTS, *variants.SCALABLE_NETWORKS)
DETECTORS = tuple(variants.EFFICIENTDET_VARIANTS)
BUILDERS = CLASSIFIERS + DETECTORS
# What `train` writes into its folder.
MODEL_FILE = "model.keras"
CLASS_NAMES_FILE = "class_names.txt"


def load_model(
    model: str, weights: str | None = None, **arguments
) -> keras.Model:
    """The model of a file, of a folder of `train`, or of a name.

    Says what it is going to download.

    Args:
        model: A `.keras` file, a folder with a `model.keras`, or the name of
            a builder, whose letters may be small.
        weights: With a name: published weights, a file, or `"none"`. Defaults
            to the builder's own.
        **arguments: Further arguments of the builder, with a name.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If there is no such file or name, or it cannot be loaded.
    """
    path = file_of(model)
    if path is not None:
        for name, value in {"weights": weights, **arguments}.items():
            if value is not None:
                raise ValueError(
                    f"`{name}` goes with a name; a .keras file has its own."
                )
        return _load_file(path)
    name = builder_name(model)
    arguments = {k: v for k, v in arguments.items() if v is not None}
    if weights is None:
        weights = "coco" if name in DETECTORS else "imagenet"
    weights = None if weights == "none" else weights
    announce(name, weights)
    if name in DETECTORS:
        # Without weights there are none of the backbone, either.
        arguments.setdefault("backbone_weights", None)
    return getattr(keras_efficient, name)(weights=weights, **arguments)


def file_of(model: str) -> pathlib.Path | None:
    """The `.keras` file that is meant, or `None` where it is a name."""
    path = pathlib.Path(model)
    if path.suffix == ".keras":
        return path
    if (path / MODEL_FILE).is_file():
        return path / MODEL_FILE
    if path.is_dir():
        raise ValueError(
            f"The folder {path} has no {MODEL_FILE}: no training has ended "
            "there."
        )
    return None


def builder_name(model: str) -> str:
    """The name of a builder as it is written.

    Raises:
        ValueError: If no builder has that name.
    """
    names = {name.lower(): name for name in BUILDERS}
    if model.lower() in names:
        return names[model.lower()]
    close = difflib.get_close_matches(model.lower(), names, n=1)
    meant = f" Did you mean {names[close[0]]}?" if close else ""
    raise ValueError(
        f"{model!r} is neither a .keras file, nor a folder of `train`, nor a "
        f"name that `keras-efficient list` shows.{meant}"
    )


def class_names_of(
    model: keras.Model, source: str, file: pathlib.Path | None = None
) -> Sequence[str] | None:
    """Names of the classes, from where there are some.

    Args:
        model: What `load_model` gave.
        source: What it was given.
        file: A text file with one name a line; it has precedence.

    Returns:
        A sequence of strings, or `None`.
    """
    if file is not None:
        return read_lines(file)
    known = getattr(model, "class_names", None)
    path = file_of(source)
    if known is None and path is not None:
        beside = path.with_name(CLASS_NAMES_FILE)
        known = read_lines(beside) if beside.is_file() else None
    return known


def knows_imagenet(model: keras.Model, source: str, weights: str | None):
    """Whether a model has ImageNet's classes, by its published weights."""
    if file_of(source) is not None:
        return False
    tags = published.tags(builder_name(source))
    is_published = weights is None or weights in tags
    return is_published and model.output_shape[-1] == 1000


def read_lines(file: pathlib.Path) -> list[str]:
    """The lines of a text file, without empty ones at its end."""
    return read_text(file).rstrip().splitlines()


def _load_file(path):
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is broken, or no .keras file.")
    try:
        return keras.saving.load_model(path, compile=False)
    except (KeyError, OSError, TypeError, ValueError) as error:
        # Before and after the reason Keras writes whole configs.
        reason = str(error).rpartition("Exception encountered: ")[2]
        reason = reason.partition(" Full object config")[0].strip("'\"")
        raise ValueError(f"Keras cannot load {path}: {reason}") from error
