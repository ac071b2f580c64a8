"""Arrays of a file beside variables of a model, before any is assigned."""

import dataclasses

import numpy as np

from keras_efficient.converters.report import Mismatch
from keras_efficient.converters.variable_names import CLASS_PREDICTOR
from keras_efficient.converters.variable_names import CLASSIFIER
from keras_efficient.converters.variable_names import blocks_in

# Layers behind the features, which a backbone may not have.
_TOP_LAYERS = ("top_conv", "top_bn", CLASSIFIER)


@dataclasses.dataclass
class Match:
    """What of a file fits into a model.

    Attributes:
        values: Dict of canonical name to the array for its variable.
        missing: Names of variables that the file does not have.
        mismatched: List of `Mismatch`.
        unexpected: Names in the file without a place in the model.
        ignored: Names in the file of layers that the model leaves out.
    """

    values: dict = dataclasses.field(default_factory=dict)
    missing: list = dataclasses.field(default_factory=list)
    mismatched: list = dataclasses.field(default_factory=list)
    unexpected: list = dataclasses.field(default_factory=list)
    ignored: list = dataclasses.field(default_factory=list)

    @property
    def fits(self):
        """Whether every variable is filled, but for another classifier."""
        return not (self.missing or self.unexpected) and (
            not self.mismatched or self.differs_in_classes
        )

    @property
    def differs_in_classes(self):
        """Whether the one misfit is the number of classes."""
        names = {mismatch.name for mismatch in self.mismatched}
        return (
            bool(names)
            and all(
                mismatch.name.startswith(
                    (f"{CLASSIFIER}/", f"{CLASS_PREDICTOR}/")
                )
                # The last axis is that of the classes.
                and mismatch.in_file[:-1] == mismatch.in_model[:-1]
                for mismatch in self.mismatched
            )
        )


def match(named, arrays, scheme):
    """Finds the place of each array of a file in a model.

    Args:
        named: Dict of canonical name to variable.
        arrays: Dict of the file's names to arrays.
        scheme: The `Scheme` of these names.

    Returns:
        A `Match`; nothing has been assigned.
    """
    # Names of the layers that a model leaves out are known none the less.
    table = scheme.table(blocks_in(named))
    layers = {name.rpartition("/")[0] for name in named}
    found, result = {}, Match()
    for name, array in arrays.items():
        rewritten = scheme.rewrite(name)
        if rewritten is None:
            continue
        canonical = table.get(rewritten, rewritten)
        layer = canonical.rpartition("/")[0]
        if canonical in named and canonical not in found:
            found[canonical] = scheme.to_keras(canonical, np.asarray(array))
        elif layer in _TOP_LAYERS and layer not in layers:
            result.ignored.append(name)
        else:
            result.unexpected.append(name)
    for name, variable in named.items():
        _put(result, name, found.get(name), tuple(variable.shape))
    return result


def _put(result, name, array, shape):
    if array is None:
        result.missing.append(name)
    elif array.shape != shape or array.dtype.kind not in "fiu":
        result.mismatched.append(Mismatch(name, array.shape, shape))
    else:
        result.values[name] = np.ascontiguousarray(array, "float32")


def check_values(values, path):
    """Refuses numbers that no training ends with.

    Args:
        values: Dict of canonical name to array.
        path: Path of the file, for the message.

    Raises:
        ValueError: If a number is infinite or no number, or a variance is
            below zero.
    """
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"{path} is damaged or its training diverged: {name} holds "
                f"{np.count_nonzero(~np.isfinite(array))} numbers that are "
                "infinite or not a number. Nothing was loaded."
            )
        if name.endswith("/moving_variance") and (array < 0).any():
            raise ValueError(
                f"{path} is damaged: {name} holds the negative variance "
                f"{array.min():g}. Nothing was loaded."
            )
