"""The normalization of pixels, which most checkpoints do not contain."""

import dataclasses
import pathlib
import re
from collections.abc import Container
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras
import numpy as np

from keras_efficient.converters.naming.scheme import LocatedArray
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.internals import keras_internals
from keras_efficient.variants import CLASSIFICATION_VARIANTS
from keras_efficient.variants import DETECTION_VARIANTS
from keras_efficient.variants import IMAGENET_MEAN_RGB
from keras_efficient.variants import IMAGENET_STD_RGB
from keras_efficient.weights.manifest import by_file_name

# Mean and standard deviation of each channel.
Pair: TypeAlias = tuple[Sequence[float], Sequence[float]]
# A smaller standard deviation would make outputs infinite.
MIN_STD = 1e-6
MAX_CHANNELS = 1024
_NAMES = re.compile(
    r"normalization(_\d+)?/(mean|variance|count)$|preprocessing/(mean|std)$"
)


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Pixels in `[0, 255]` become `(pixels / 255 - mean) / std`.

    Attributes:
        mean: Tuple of floats, one for each channel.
        std: Tuple of floats, one for each channel.
        origin: Where the numbers come from, in words.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    origin: str

    def __str__(self) -> str:
        mean = ", ".join(f"{x:g}" for x in self.mean)
        std = ", ".join(f"{x:g}" for x in self.std)
        return f"mean ({mean}), std ({std}), from {self.origin}"


def is_normalization(name: str) -> bool:
    """Return whether a canonical name belongs to a layer that normalizes."""
    return _NAMES.match(name) is not None


def find_normalization(
    located: Iterable[LocatedArray],
    network: Network,
    path: pathlib.Path,
    config: Mapping[str, Any],
    argument: Pair | None = None,
    keeps_default: bool = False,
    variant: str | None = None,
) -> tuple[Normalization | None, list[LocatedArray]]:
    """Find the normalization of a checkpoint and separate it from the weights.

    Args:
        located: The arrays of the checkpoint, an iterable of `LocatedArray`.
        network: The `Network` to load into.
        path: `pathlib.Path` of the file, whose name may be published.
        config: Content of the `config.json` beside a file of timm.
        argument: Pair `(mean, std)` from the user, or `None`.
        keeps_default: Whether the model keeps its normalization if the file
            does not contain any.
        variant: Name of the published network that the file has the shapes
            of, or `None`. It decides if nothing else does.

    Returns:
        A pair of a `Normalization`, or `None` if it is unknown, and the list
        of the weights.

    Raises:
        ValueError: If `argument` is not a pair with one number for each
            channel, or a standard deviation is not positive.
    """
    try:
        of_file, weights = take_normalization(located, network.variables)
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from error
    if argument is not None:
        return _from_argument(argument), weights
    if of_file is None and keeps_default:
        return _of_layer(network.preprocessing), weights
    return of_file or _published(path, config, variant), weights


def take_normalization(
    located: Iterable[LocatedArray], variables: Container[str]
) -> tuple[Normalization | None, list[LocatedArray]]:
    """Separate the normalization of a checkpoint from its weights.

    Args:
        located: The arrays of the checkpoint, an iterable of `LocatedArray`.
        variables: Canonical names of the model's variables, which are
            weights whatever their name.

    Returns:
        A pair of a `Normalization`, or `None` if the checkpoint has none, and
        the list of the other arrays.

    Raises:
        ValueError: If a standard deviation is not positive.
    """
    found, others = {}, []
    for item in located:
        if is_normalization(item.canonical) and item.canonical not in variables:
            found[item.canonical.rpartition("/")[2]] = _vector(item)
        else:
            others.append(item)
    if "mean" not in found or not {"std", "variance"} & set(found):
        return None, others
    origin = "the file"
    if "std" in found:
        std = found["std"]
    elif _is_imagenet_std(found["variance"]):
        # The files of keras.applications hold the standard deviation here.
        std = found["variance"]
    else:
        with np.errstate(invalid="ignore"):  # a negative one is an error below
            std = np.sqrt(found["variance"])
        origin = "the file (its variance)"
    return _checked(found["mean"], std, origin), others


def assign_normalization(
    layer: keras.layers.Layer | None, normalization: Normalization | None
) -> None:
    """Assign a normalization to a `preprocessing` layer.

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


def finalize_normalization(model: keras.Model) -> None:
    """Let `keras.layers.Normalization` use variables that were assigned.

    Args:
        model: The model whose variables were assigned.
    """
    for layer in keras_internals.all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _published(
    path: pathlib.Path, config: Mapping[str, Any], variant: str | None
) -> Normalization:
    """Return the normalization of a file by its name, config or network."""
    entry = by_file_name(path.name)
    if entry is not None:
        origin = f"the manifest's {entry.name!r}"
        return Normalization(entry.input.mean, entry.input.std, origin)
    config = config.get("pretrained_cfg", config)
    if isinstance(config, Mapping) and {"mean", "std"} <= set(config):
        return _checked(config["mean"], config["std"], "config.json")
    reason = "since neither the file nor its name contains it"
    row = CLASSIFICATION_VARIANTS.get(variant or "")
    if variant is not None and variant in DETECTION_VARIANTS:
        row = DETECTION_VARIANTS[variant].backbone
    if row is None or row.pixel_mean == IMAGENET_MEAN_RGB:
        return Normalization(
            IMAGENET_MEAN_RGB, IMAGENET_STD_RGB, f"ImageNet, {reason}"
        )
    return Normalization(row.pixel_mean, row.pixel_std, f"{variant}, {reason}")


def _of_layer(layer: keras.layers.Layer | None) -> Normalization | None:
    if layer is None:
        return None
    mean, std = (
        tuple(keras.ops.convert_to_numpy(variable).tolist())
        for variable in (layer.mean, layer.std)
    )
    return Normalization(mean, std, "the model")


def _from_argument(argument: Any) -> Normalization:
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


def _vector(item: LocatedArray) -> np.ndarray:
    if item.array.dtype.kind not in "fiu":
        raise ValueError(
            f"{item.name!r} in the file must contain real numbers. "
            f"Received: values of type {item.array.dtype}"
        )
    return np.ravel(item.array).astype("float64")


def _checked(
    mean: Iterable[float], std: Iterable[float], origin: str
) -> Normalization:
    try:
        means = tuple(float(x) for x in mean)
        stds = tuple(float(x) for x in std)
    except (TypeError, ValueError) as error:
        raise ValueError(_message(mean, std, origin)) from error
    if not (
        0 < len(means) == len(stds) <= MAX_CHANNELS
        and np.abs([*means, *stds]).max() <= np.finfo("float32").max
        and min(stds) >= MIN_STD
    ):
        raise ValueError(_message(means, stds, origin))
    return Normalization(means, stds, origin)


def _message(mean: object, std: object, origin: str) -> str:
    return (
        "The normalization must have as many means as standard deviations, "
        f"for at most {MAX_CHANNELS} channels, all finite, and standard "
        f"deviations of at least {MIN_STD:g}. Received from {origin}: "
        f"mean={mean!s:.200}, std={std!s:.200}"
    )


def _is_imagenet_std(values: np.ndarray) -> bool:
    return values.shape == (3,) and np.allclose(
        values, IMAGENET_STD_RGB, atol=1e-3
    )
