"""Models as the command line names them."""

import pathlib
import zipfile

import keras

import keras_efficient


def load_model(model, weights=None):
    """The model of a file, or that of a name.

    Args:
        model: String, a `.keras` file or the name of a builder.
        weights: String, published weights or a file, with a name.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If there is no such file or name, or it cannot be loaded.
    """
    path = pathlib.Path(model)
    if path.suffix == ".keras":
        if weights is not None:
            raise ValueError(
                "--weights goes with a name; a .keras file has its own."
            )
        return _load_file(path)
    is_name = model.startswith(("EfficientNetB", "EfficientDetD"))
    builder = getattr(keras_efficient, model, None) if is_name else None
    if builder is None:
        raise ValueError(
            f"{model!r} is neither a .keras file nor one of EfficientNetB0 to "
            "B7 and EfficientDetD0 to D7x."
        )
    return builder(weights=weights) if weights else builder()


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
