"""TensorFlow SavedModels of classifiers, from every backend."""

import importlib
import importlib.util
import json
import os
import pathlib
from collections.abc import Sequence

import keras

from keras_efficient.data.preprocessing import ImagePreprocessing
from keras_efficient.export.child_process import export_in_child
from keras_efficient.export.classifier_spec import ClassifierSpec
from keras_efficient.export.classifier_spec import describe_classifier
from keras_efficient.export.classifier_spec import fill_inputs
from keras_efficient.export.folders import new_folder
from keras_efficient.export.verification import Check
from keras_efficient.export.verification import make_check

# The place that TensorFlow leaves to others in the folder of a SavedModel.
METADATA_FILE = "assets.extra/metadata.json"


def saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: ImagePreprocessing | None = None,
    from_logits: bool | None = None,
    overwrite: bool = False,
    verify: bool = True,
) -> pathlib.Path:
    """Writes a classifier as a TensorFlow SavedModel that takes image files.

    The folder holds all that serving needs: decoding, the orientation that a
    camera notes (EXIF), preprocessing, the model and the names of its
    classes; no Python code of this package. What it says of an image file
    equals `preprocessing(load_image(file))` given to the model, on each
    backend. On JAX and PyTorch a child process with TensorFlow writes it.

    It has two signatures, both for any number of images from 1 on:

    - `serving_default` takes `image_bytes`, string `(batch,)`: JPEG or PNG
      files of any sizes; BMP, GIF and WebP do as well.
    - `images` takes `images`, float32 `(batch, height, width, 3)`: RGB in
      `[0, 255]`, of the size of the model's input.

    Both give `probabilities`, float32 `(batch, classes)`; `label`, int64
    `(batch,)`; and `class_name`, string `(batch,)`.

    The names and the preprocessing are also in `assets.extra/metadata.json`.

    Args:
        model: A `keras.Model`: functional or Sequential, from one batch of
            RGB images in `[0, 255]` to one `(batch, classes)`.
        path: The folder to write, for TensorFlow Serving with a number at its
            end: `"served/flowers/1"`.
        class_names: Sequence of strings in the order of the model's outputs.
            Defaults to their numbers.
        preprocessing: A `keras_efficient.data.ImagePreprocessing`. Defaults to
            that of evaluation at the model's input size; a model without a
            fixed one needs it.
        from_logits: Boolean, whether a softmax is to follow the model's last
            layer. Defaults to what that layer's activation says.
        overwrite: Boolean, whether to replace a folder that is not empty. It
            stays until the new one is complete. Defaults to `False`.
        verify: Boolean, whether to load the result and compare it with the
            model, on drawn image files and on random pixels. Defaults to
            `True`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        FileExistsError: If `path` is a file, or a folder that is not empty
            and `overwrite` is `False`.
        ImportError: If TensorFlow is not installed.
        TypeError: If `model` or `preprocessing` is of another class.
        ValueError: If the model is no classifier of images, if another
            argument does not fit to it, or if a child process cannot load it.
        ExportMismatchError: If the result says otherwise than the model; then
            nothing is written.

    Example:
    >>> model = keras_efficient.EfficientNetB0(  # doctest: +SKIP
    ...     weights="pets.keras", classes=2
    ... )
    >>> keras_efficient.export.saved_model(  # doctest: +SKIP
    ...     model, "served/pets/1", class_names=("cat", "dog")
    ... )
    PosixPath('served/pets/1')
    """
    _require_tensorflow()
    spec = describe_classifier(model, class_names, preprocessing, from_logits)
    with new_folder(path, overwrite) as folder:
        check = make_check(model, spec) if verify else None
        plain_model = _without_training(model)
        if keras.backend.backend() == "tensorflow":
            difference = _export_here(plain_model, spec, folder, check)
        else:
            difference = export_in_child(plain_model, spec, folder, check)
        _write_metadata(model, spec, folder, difference)
    return pathlib.Path(path)


def _require_tensorflow() -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "A SavedModel is written by TensorFlow, whatever the backend of "
            'the model. Run `pip install "keras-efficient[export]"`.'
        )


def _without_training(model: keras.Model) -> keras.Model:
    """The same layers without optimiser, losses and training steps."""
    inputs = fill_inputs(model, model.inputs[0])
    plain_model = keras.Model(inputs, model.outputs[0], name=model.name)
    if type(model).call in (type(plain_model).call, keras.Sequential.call):
        return plain_model
    return model


def _export_here(
    model: keras.Model,
    spec: ClassifierSpec,
    folder: pathlib.Path,
    check: Check | None,
) -> float | None:
    from keras_efficient.export.tf_signatures import write_saved_model

    write_saved_model(model, spec, folder)
    return check.run(folder) if check else None


def _write_metadata(
    model: keras.Model,
    spec: ClassifierSpec,
    folder: pathlib.Path,
    difference: float | None,
) -> None:
    package = importlib.import_module("keras_efficient")
    metadata = {
        "format_version": 1,
        "keras_efficient_version": package.__version__,
        "keras_version": keras.__version__,
        "backend": keras.backend.backend(),
        "model": model.name,
        **spec.to_config(),
        "largest_difference": difference,
    }
    file = folder / METADATA_FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")
