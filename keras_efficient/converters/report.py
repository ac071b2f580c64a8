"""What came of loading a checkpoint."""

import dataclasses
from typing import NamedTuple

from keras_efficient.converters.normalization import Normalization

_MAX_LISTED = 5


class Mismatch(NamedTuple):
    """A variable that the file has in another shape, or not as numbers.

    Attributes:
        name: Its canonical name.
        in_file: Its shape in the file, as Keras lays it out.
        in_model: Its shape in the model.
    """

    name: str
    in_file: tuple
    in_model: tuple

    def __str__(self):
        if self.in_file == self.in_model:
            return f"{self.name} holds no real numbers in the file"
        return (
            f"{self.name} is {self.in_file} in the file and "
            f"{self.in_model} in the model"
        )


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What `load_checkpoint` did.

    Attributes:
        path: The file, a string.
        source: Library that the weights come from, such as `"lukemelas"`,
            or `"keras"` for Keras' own files.
        loaded: Canonical names of the variables that were filled.
        missing: Canonical names of variables that the file does not have.
        mismatched: A `Mismatch` for each variable of another shape.
        unexpected: Names in the file that the model has no place for.
        ignored: Names in the file that the model can do without: the
            classifier, for a model that has none.
        normalization: The `Normalization` that these weights need. Where the
            model has a `preprocessing` layer it was put there; else pixels
            have to be normalised so before they go in. `None` if unknown.
    """

    path: str
    source: str
    loaded: tuple = ()
    missing: tuple = ()
    mismatched: tuple = ()
    unexpected: tuple = ()
    ignored: tuple = ()
    normalization: Normalization | None = None

    def __str__(self):
        lines = [f"{self.path} ({self.source}): {len(self.loaded)} loaded"]
        lines += self.misfits()
        if self.ignored:
            lines.append(listing("not needed", self.ignored))
        if self.normalization is not None:
            lines.append(f"pixels: {self.normalization}")
        return "\n".join(lines)

    def misfits(self):
        """One line for each kind of misfit, none if all fits."""
        kinds = {
            "missing": self.missing,
            "of another shape or kind": self.mismatched,
            "unexpected": self.unexpected,
        }
        return [listing(what, names) for what, names in kinds.items() if names]


def listing(what, items):
    """Says how many there are, and names the first few.

    Args:
        what: What they are, in words.
        items: Sequence of anything that can be printed.

    Returns:
        A string.
    """
    text = f"{len(items)} {what}: {'; '.join(map(str, items[:_MAX_LISTED]))}"
    return text + ("; ..." if len(items) > _MAX_LISTED else "")
