"""What a network does to pixels first, which most files do not say."""

import dataclasses
import json
import re

import numpy as np

from keras_efficient.weights.manifest import by_file_name

IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)
_KERAS_LAYER = re.compile(r"normalization(_\d+)?/(mean|variance|count)$")
_OUR_LAYER = re.compile(r"preprocessing/(mean|std)$")


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Pixels in `[0, 255]` become `(pixels / 255 - mean) / std`.

    Attributes:
        mean: Tuple of floats, one for each channel.
        std: Tuple of floats, one for each channel.
        origin: Where the numbers come from, in words.
    """

    mean: tuple
    std: tuple
    origin: str

    def __str__(self):
        mean = ", ".join(f"{x:g}" for x in self.mean)
        std = ", ".join(f"{x:g}" for x in self.std)
        return f"mean ({mean}), std ({std}), from {self.origin}"


def take_normalization(arrays):
    """Takes the normalisation out of a file's arrays.

    Args:
        arrays: Dict of name to array; loses its entries of normalisation.

    Returns:
        A `Normalization`, or `None` if the file has none.
    """
    found = {}
    for name in list(arrays):
        if _KERAS_LAYER.match(name) or _OUR_LAYER.match(name):
            values = np.ravel(arrays.pop(name)).astype("float64")
            found[name.split("/")[-1]] = values
    if "mean" not in found or not {"std", "variance"} & set(found):
        return None
    if "std" in found:
        std, origin = found["std"], "the file"
    elif _is_imagenet_std(found["variance"]):
        # The files of keras.applications hold deviations in this place.
        std, origin = found["variance"], "the file"
    else:
        std, origin = np.sqrt(found["variance"]), "the file (its variance)"
    return _checked(found["mean"], std, origin)


def choose_normalization(argument, of_file, path, config=None):
    """Decides by which numbers pixels are normalised.

    Args:
        argument: Pair `(mean, std)` that the user gave, or `None`.
        of_file: `Normalization` that the file holds, or `None`.
        path: `pathlib.Path` of the file, whose name may be published.
        config: Content of the `config.json` beside a file of timm.

    Returns:
        A `Normalization`.

    Raises:
        ValueError: If `argument` is no pair of numbers for each channel.
    """
    if argument is not None:
        return _of_argument(argument)
    if of_file is not None:
        return of_file
    entry = by_file_name(path.name)
    if entry is not None:
        origin = f"the manifest's {entry.name!r}"
        return Normalization(entry.input.mean, entry.input.std, origin)
    config = (config or {}).get("pretrained_cfg", config or {})
    if {"mean", "std"} <= set(config):
        return _checked(config["mean"], config["std"], "config.json")
    return Normalization(
        IMAGENET_MEAN_RGB,
        IMAGENET_STD_RGB,
        "ImageNet, as nothing says otherwise",
    )


def read_config(path):
    """Reads the `config.json` that timm puts beside a file.

    Args:
        path: `pathlib.Path` of the file.

    Returns:
        A dict, empty if there is none that names an architecture.
    """
    try:
        text = path.with_name("config.json").read_text(encoding="utf-8")
        config = json.loads(text)
        return config if isinstance(config["architecture"], str) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def assign_normalization(layer, normalization):
    """Fills a `preprocessing` layer.

    Args:
        layer: An `ImageNormalization`, or `None` to do nothing.
        normalization: A `Normalization`, or `None` to do nothing.
    """
    if layer is None or normalization is None:
        return
    for name in ("mean", "std"):
        variable = getattr(layer, name)
        values = np.asarray(getattr(normalization, name), "float32")
        if values.shape != tuple(variable.shape):
            # Images with other channels, as the layer itself does.
            values = np.full(variable.shape, values.mean(), "float32")
        variable.assign(values)


def _of_argument(argument):
    try:
        mean, std = argument
        mean = tuple(float(x) for x in mean)
        std = tuple(float(x) for x in std)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`normalization` must be a pair `(mean, std)` with one number for "
            "each channel, in units of [0, 1]. "
            f"Received: normalization={argument!r}"
        ) from error
    return _checked(mean, std, "the argument `normalization`")


def _checked(mean, std, origin):
    mean = tuple(float(x) for x in mean)
    std = tuple(float(x) for x in std)
    is_right = len(mean) == len(std) > 0 and np.isfinite([*mean, *std]).all()
    if not is_right or min(std) <= 0:
        raise ValueError(
            "The normalization must have as many means as deviations, and "
            f"these above 0. Received from {origin}: mean={mean}, std={std}"
        )
    return Normalization(mean, std, origin)


def _is_imagenet_std(values):
    return values.shape == (3,) and np.allclose(
        values, IMAGENET_STD_RGB, atol=1e-3
    )
