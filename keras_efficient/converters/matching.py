"""Which arrays of a checkpoint fit which variables of a model."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from keras_efficient.converters.naming.scheme import LocatedArray
from keras_efficient.converters.naming.variable_names import CLASSIFIER

_REMEDY = "If it was downloaded, delete it to download it again."
# Layers after the features, which a backbone may not have.
_TOP_LAYERS = ("top_conv", "top_bn", CLASSIFIER)


class Mismatch(NamedTuple):
    """A variable that has another shape in the file, or is not numeric there.

    Attributes:
        name: Its canonical name.
        in_file: Its shape in the file, with the axes in the order of Keras.
        in_model: Its shape in the model.
    """

    name: str
    in_file: tuple[int, ...]
    in_model: tuple[int, ...]

    def __str__(self) -> str:
        if self.in_file == self.in_model:
            return f"{self.name} does not contain real numbers in the file"
        return (
            f"{self.name} is {self.in_file} in the file and "
            f"{self.in_model} in the model"
        )


@dataclasses.dataclass
class Match:
    """The arrays of a checkpoint that fit a model, and those that do not.

    Attributes:
        values: Dict of canonical name to the array for its variable.
        missing: Names of variables that the file does not have.
        mismatched: List of `Mismatch`.
        unexpected: Names in the file without a variable in the model.
        ignored: Names in the file of layers that the model leaves out.
    """

    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    missing: list[str] = dataclasses.field(default_factory=list)
    mismatched: list[Mismatch] = dataclasses.field(default_factory=list)
    unexpected: list[str] = dataclasses.field(default_factory=list)
    ignored: list[str] = dataclasses.field(default_factory=list)


def match_arrays(
    variables: Mapping[str, keras.Variable], located: Iterable[LocatedArray]
) -> Match:
    """Match the arrays of a checkpoint with the variables of a model.

    Args:
        variables: Dict of canonical name to variable.
        located: The arrays, an iterable of `LocatedArray`.

    Returns:
        A `Match`. No variable is changed. The first kernel of a network for
        RGB images is converted to the channels of the model.
    """
    layers = {name.rpartition("/")[0] for name in variables}
    result = Match()
    found: dict[str, np.ndarray] = {}
    for name, canonical, array in located:
        layer = canonical.rpartition("/")[0]
        if canonical in variables and canonical not in found:
            found[canonical] = array
        elif layer in _TOP_LAYERS and layer not in layers:
            result.ignored.append(name)
        else:
            result.unexpected.append(name)
    for name, variable in variables.items():
        shape = tuple(variable.shape)
        if name not in found:
            result.missing.append(name)
            continue
        array = _for_channels(found[name], shape)
        if array.shape != shape or array.dtype.kind not in "fiu":
            result.mismatched.append(Mismatch(name, array.shape, shape))
        else:
            with np.errstate(over="ignore"):  # `check_values` reports it
                array = np.asarray(array, "float32", order="C")
            result.values[name] = array
    return result


def _for_channels(array: np.ndarray, shape: tuple) -> np.ndarray:
    """Return the first kernel of RGB images for other channels.

    As in timm: the response to a gray image is that to three equal channels,
    and other numbers of channels repeat red, green and blue.
    """
    is_first = array.ndim == len(shape) == 4 and array.shape[2] == 3
    number = shape[2] if is_first else 3
    if number == 3 or (*array.shape[:2], number, array.shape[3]) != shape:
        return array
    if number == 1:
        return array.sum(axis=2, keepdims=True)
    return array[:, :, np.arange(number) % 3] * np.float32(3 / number)


def check_values(values: Mapping[str, np.ndarray], path: pathlib.Path) -> None:
    """Raise an error for numbers that no training ends with.

    Args:
        values: Dict of canonical name to array.
        path: Path of the file, for the message.

    Raises:
        ValueError: If a number is infinite or NaN, or a variance is negative.
    """
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"{path} is damaged or its training diverged: {name} contains "
                f"{np.count_nonzero(~np.isfinite(array))} infinite or NaN "
                f"values. Nothing was loaded. {_REMEDY}"
            )
        if name.endswith("/moving_variance") and (array < 0).any():
            raise ValueError(
                f"{path} is damaged: {name} contains the negative variance "
                f"{array.min():g}. Nothing was loaded. {_REMEDY}"
            )
