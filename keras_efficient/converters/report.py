"""The result of loading a checkpoint, and the messages about it."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence

from keras_efficient.converters.matching import Match
from keras_efficient.converters.matching import Mismatch
from keras_efficient.converters.naming.variable_names import BOX_PREDICTOR
from keras_efficient.converters.naming.variable_names import CLASS_PREDICTOR
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.normalization import Normalization
from keras_efficient.log import get_logger

# Layers whose last axis has the size of the number of classes.
_CLASS_LAYERS = (CLASSIFIER, f"{CLASS_PREDICTOR}/pointwise_conv")
_MAX_LISTED = 5


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """Result of `load_checkpoint`.

    Attributes:
        path: The file, a string.
        source: Library that the weights come from, such as `"lukemelas"`,
            or `"keras"` for Keras' own files.
        loaded: Canonical names of the variables that were loaded.
        missing: Canonical names of variables that the file does not have.
        mismatched: A `Mismatch` for each variable of another shape.
        unexpected: Names in the file without a variable in the model.
        ignored: Names in the file that the model does not need: the
            classifier, for a model without one.
        normalization: The `Normalization` that these weights need. If the
            model has a `preprocessing` layer, it was assigned to it;
            otherwise pixels must be normalized so before they are passed to
            the model. `None` if unknown.
    """

    path: str
    source: str
    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    mismatched: tuple[Mismatch, ...] = ()
    unexpected: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    normalization: Normalization | None = None

    @classmethod
    def of(
        cls,
        path: pathlib.Path,
        source: str,
        match: Match,
        normalization: Normalization | None,
    ) -> "LoadReport":
        """Return the report of a match."""
        return cls(
            path=str(path),
            source=source,
            loaded=tuple(match.values),
            missing=tuple(match.missing),
            mismatched=tuple(match.mismatched),
            unexpected=tuple(match.unexpected),
            ignored=tuple(match.ignored),
            normalization=normalization,
        )

    @property
    def fits(self) -> bool:
        """Whether every variable was loaded, except another classifier."""
        return not (self.missing or self.unexpected) and (
            not self.mismatched or self.differs_in_classes
        )

    @property
    def differs_in_classes(self) -> bool:
        """Whether the number of classes is the only difference of shapes.

        Kernel and bias must differ alike: one of them alone would be of
        another origin than the other.
        """
        by_layer: dict[str, set[str]] = {}
        for mismatch in self.mismatched:
            layer, _, variable = mismatch.name.rpartition("/")
            by_layer.setdefault(layer, set()).add(variable)
        # The last axis is that of the classes.
        numbers = {x.in_file[-1:] for x in self.mismatched}
        return (
            len(by_layer) == 1
            and by_layer.keys() <= set(_CLASS_LAYERS)
            and by_layer.popitem()[1] == {"kernel", "bias"}
            and len(numbers) == 1
            and all(
                len(x.in_file) == len(x.in_model)
                and x.in_file[-1] != x.in_model[-1]
                and x.in_file[:-1] == x.in_model[:-1]
                for x in self.mismatched
            )
        )

    def __str__(self) -> str:
        lines = [f"{self.path} ({self.source}): {len(self.loaded)} loaded"]
        lines += self.misfits()
        if self.ignored:
            lines.append(_listing("not needed", self.ignored))
        if self.normalization is not None:
            lines.append(f"pixels: {self.normalization}")
        return "\n".join(lines)

    def misfits(self) -> list[str]:
        """Return one line for each kind of misfit."""
        kinds: dict[str, Sequence[object]] = {
            "missing": self.missing,
            "with another shape or kind": self.mismatched,
            "unexpected": self.unexpected,
        }
        return [_listing(what, names) for what, names in kinds.items() if names]


def misfit_message(
    report: LoadReport, network: Network, variants: Iterable[str | None]
) -> str:
    """Return the error message for a checkpoint that does not fit.

    Args:
        report: The `LoadReport`.
        network: The `Network` it was to be loaded into.
        variants: Names of the published networks that the file and the model
            have the shapes of, or `None` for each that is unknown.

    Returns:
        A string.
    """
    of_file, of_model = variants
    sentences = []
    if of_file != of_model:
        sentences = [
            f"{subject} looks like {variant}."
            for subject, variant in (
                ("The file", of_file),
                ("The model", of_model),
            )
            if variant is not None
        ]
    if not report.loaded:
        sentences.append("No array of it fits.")
    if of_file is not None and of_file != of_model:
        sentences.append(
            "Nothing was loaded. Build the model of the file: "
            f"`keras_efficient.{of_file}(weights=None)`."
        )
    elif report.loaded:
        sentences.append(
            "Nothing was loaded. Pass `strict=False` to load what fits, or "
            "build the model that the file was saved from."
        )
    if {f"{CLASSIFIER}/kernel", f"{CLASSIFIER}/bias"} == set(report.missing):
        sentences.append(
            "The file has no classifier: it is for a model with "
            "`include_top=False`."
        )
    misfits = "".join(f"\n- {line}" for line in report.misfits())
    return (
        f"{report.path} ({report.source}) does not fit the model "
        f"{network.model.name!r}. {' '.join(sentences)}{misfits}"
    )


def log_other_classes(report: LoadReport, network: Network) -> None:
    """Log that a classifier was not loaded, if the classes differ.

    Args:
        report: The `LoadReport`.
        network: The `Network` that was loaded into.
    """
    if not report.differs_in_classes:
        return
    # A detector predicts classes for each of its anchors, as four numbers of
    # a box.
    boxes = network.variables.get(f"{BOX_PREDICTOR}/pointwise_conv/bias")
    anchors = 1 if boxes is None else boxes.shape[-1] // 4
    classes = report.mismatched[0]
    get_logger(__name__).info(
        "%s has %d classes, the model %d: the %s was not loaded.",
        pathlib.Path(report.path).name,
        classes.in_file[-1] // anchors,
        classes.in_model[-1] // anchors,
        "classifier" if boxes is None else "class predictor",
    )


def _listing(what: str, items: Sequence[object]) -> str:
    """Return the number of items and the first few of them."""
    text = f"{len(items)} {what}: {'; '.join(map(str, items[:_MAX_LISTED]))}"
    return text + ("; ..." if len(items) > _MAX_LISTED else "")
