"""Models given on the command line."""

import difflib
import pathlib
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import keras_efficient
from keras_efficient import variants
from keras_efficient.cli.downloads import announce
from keras_efficient.types import PathLike

if TYPE_CHECKING:
    import keras

CLASSIFIERS = (*variants.CLASSIFICATION_VARIANTS, *variants.SCALABLE_NETWORKS)
DETECTORS = tuple(variants.DETECTION_VARIANTS)
BUILDERS = CLASSIFIERS + DETECTORS
# Files of a run directory of `train`.
MODEL_FILE = "model.keras"
CLASS_NAMES_FILE = "class_names.txt"


def load_model(
    model: str, weights: str | None = None, **arguments: Any
) -> "keras.Model":
    """Return the model of a file, of a run directory of `train`, or of a name.

    Downloads are announced before they start.

    Args:
        model: A `.keras` file, a folder with a `model.keras`, or the name of
            a builder in upper or lower case.
        weights: With a name: published weights, a checkpoint file, or
            `"none"`. Defaults to the default of the builder.
        **arguments: Further arguments of the builder, with a name.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If the file or name does not exist or cannot be loaded.
    """
    path = file_of(model)
    if path is not None:
        for name, value in {"weights": weights, **arguments}.items():
            if value is not None:
                raise ValueError(
                    f"`{name}` requires the name of a model. A .keras file "
                    "contains its own."
                )
        return _load_file(path)
    name = builder_name(model)
    arguments = {k: v for k, v in arguments.items() if v is not None}
    if weights is None:
        weights = "coco" if name in DETECTORS else "imagenet"
    weights = None if weights == "none" else weights
    if weights is not None and is_weights_file(weights, name):
        network = build_for_file(name, weights, **arguments)
        keras_efficient.converters.load_checkpoint(network, weights)
        return network
    announce(name, weights)
    if name in DETECTORS:
        # With `weights=None` the backbone has random weights, too.
        arguments.setdefault("backbone_weights", None)
    return getattr(keras_efficient, name)(weights=weights, **arguments)


def is_weights_file(weights: str, model: str) -> bool:
    """Return whether weights are a file; published names take precedence."""
    if weights in ("none", *keras_efficient.weights.tags(model)):
        return False
    # A folder of images may have the name of published weights.
    return pathlib.Path(weights).exists()


def build_for_file(
    name: str | None,
    file: PathLike,
    num_classes: int | None = None,
    **arguments: Any,
) -> "keras.Model":
    """Build the network that a checkpoint needs, without its weights.

    Args:
        name: Name of a builder, or `None` for the network of the checkpoint.
        file: Path of the checkpoint.
        num_classes: Number of classes. Defaults to `None`: that of the
            checkpoint.
        **arguments: Further arguments of the builder; those that are `None`
            are left out.

    Returns:
        A `keras.Model`.
    """
    from keras_efficient.models.checkpoint_models import build_for

    given = {k: value for k, value in arguments.items() if value is not None}
    if name is not None and name in variants.SCALABLE_NETWORKS:
        return _build(name, num_classes, given)
    info = keras_efficient.converters.inspect_checkpoint(file)
    # Keras' own files do not say which layer is the classifier.
    if name is not None and info.source == "keras":
        return _build(name, num_classes, given)
    classes = _classes(name or info.variant, num_classes)
    return build_for(info, name, **given, **classes)


def _build(
    name: str, num_classes: int | None, arguments: dict[str, Any]
) -> "keras.Model":
    if name in DETECTORS:
        arguments = {"backbone_weights": None, **arguments}
    classes = _classes(name, num_classes)
    return getattr(keras_efficient, name)(weights=None, **arguments, **classes)


def _classes(name: str | None, number: int | None) -> dict[str, Any]:
    if number is None:
        return {}
    return {"num_classes" if name in DETECTORS else "classes": number}


def file_of(model: str) -> pathlib.Path | None:
    """Return the path of the `.keras` file, or `None` for a name."""
    path = pathlib.Path(model)
    if path.suffix == ".keras":
        return path
    if (path / MODEL_FILE).is_file():
        return path / MODEL_FILE
    if path.is_dir():
        raise ValueError(
            f"The folder {path} has no {MODEL_FILE}: it is not the directory "
            "of a finished training run."
        )
    return None


def builder_name(model: str) -> str:
    """Return the name of a builder in its exact spelling.

    Raises:
        ValueError: If no builder has this name.
    """
    names = {name.lower(): name for name in BUILDERS}
    if model.lower() in names:
        return names[model.lower()]
    close = difflib.get_close_matches(model.lower(), names, n=1)
    meant = f" Did you mean {names[close[0]]}?" if close else ""
    raise ValueError(
        f"{model!r} is neither a .keras file, nor a run directory of `train`, "
        f"nor a name that `keras-efficient list` prints.{meant}"
    )


def class_names_of(
    model: "keras.Model", source: str, file: pathlib.Path | None = None
) -> Sequence[str] | None:
    """Return the class names of a model.

    Args:
        model: Model returned by `load_model`.
        source: Argument of `load_model`.
        file: Text file with one name on each line, which takes precedence
            over the names stored with the model or beside it.

    Returns:
        A sequence of strings, or `None` if the names are unknown.
    """
    if file is not None:
        return read_lines(file)
    known = getattr(model, "class_names", None)
    path = file_of(source)
    if known is None and path is not None:
        beside = path.with_name(CLASS_NAMES_FILE)
        known = read_lines(beside) if beside.is_file() else None
    return known


def is_detector(model: "keras.Model") -> bool:
    """Return whether a model detects objects, as opposed to classifying."""
    from keras_efficient.models.detection_model import DetectionModel

    return isinstance(model, DetectionModel)


def load_data_set(
    model: "keras.Model",
    names: Sequence[str] | None,
    data: PathLike,
    split: str | None,
    strict: bool,
    reading: dict[str, Any],
) -> Any:
    """Load the data set on which a model is evaluated, and print its report.

    Args:
        model: Model returned by `load_model`.
        names: Names of its classes, or `None`.
        data: Path of the data set.
        split: Name of the split, or `None`.
        strict: Whether annotations that would be repaired or dropped are an
            error.
        reading: Further options of `load_detection`.

    Returns:
        A `DetectionDataset` or a `ClassificationDataset`.
    """
    dataset: Any
    if is_detector(model):
        # Evaluation matches the classes of model and data by their names.
        dataset = keras_efficient.data.load_detection(
            data, split, strict=strict, **reading
        )
    elif reading:
        raise ValueError(
            f"`{next(iter(reading))}` is an option for detectors only."
        )
    else:
        outputs = keras_efficient.inference.outputs_of(model)
        is_one_of_two = outputs.number == 1 and not outputs.exclusive
        if is_one_of_two and len(names or ()) == 1:
            names = None  # One output has the name of the second class only.
        dataset = keras_efficient.data.load_classification(
            data, split, class_names=names, strict=strict
        )
    print(dataset.report)
    return dataset


def knows_imagenet(
    model: "keras.Model", source: str, weights: str | None
) -> bool:
    """Return whether a model has published weights for ImageNet's classes."""
    if file_of(source) is not None:
        return False
    tags = keras_efficient.weights.tags(builder_name(source))
    is_published = weights is None or weights in tags
    return is_published and model.output_shape[-1] == 1000


def read_lines(file: pathlib.Path) -> list[str]:
    """Return the lines of a text file without empty lines at the end."""
    from keras_efficient.data.readers.files import read_text

    return read_text(file).rstrip().splitlines()


def _load_file(path: pathlib.Path) -> "keras.Model":
    import keras

    # Registers the classes that the file contains.
    import keras_efficient.models  # noqa: F401
    from keras_efficient.internals import keras_internals

    if not path.is_file():
        raise ValueError(f"File not found: {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is damaged or not a .keras file.")
    try:
        return keras.saving.load_model(path, compile=False)
    except MemoryError:
        raise
    # Keras does not validate the contents: damaged ones raise any error.
    except Exception as error:
        reason = keras_internals.deserialization_reason(error)
        raise ValueError(f"Keras cannot load {path}: {reason}") from error
