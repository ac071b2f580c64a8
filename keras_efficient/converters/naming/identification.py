"""Which library a checkpoint comes from."""

import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Sequence

from keras_efficient.converters.file_formats import Checkpoint
from keras_efficient.converters.naming.classification_schemes import TIMM
from keras_efficient.converters.naming.detection_schemes import EFFDET
from keras_efficient.converters.naming.detection_schemes import (
    is_trained_in_tensorflow,
)
from keras_efficient.converters.naming.keras_schemes import KERAS_NETWORKS
from keras_efficient.converters.naming.scheme import COUNTERS
from keras_efficient.converters.naming.scheme import NamingScheme
from keras_efficient.converters.naming.scheme import Scheme
from keras_efficient.converters.naming.variable_names import Network


@dataclasses.dataclass(frozen=True)
class Source:
    """A library whose weights can be loaded.

    Attributes:
        name: Its name in the argument `source` of `load_checkpoint`.
        schemes: Names of the naming schemes that its files follow.
        padding: Padding of its networks, or `None` for any.
        epsilon: Epsilon of its batch normalization, or `None` for any.
    """

    name: str
    schemes: tuple[str, ...]
    padding: str | None = None
    epsilon: float | None = None


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a checkpoint comes from.

    Attributes:
        source: The `Source`.
        scheme: The `NamingScheme` of its names.
    """

    source: Source
    scheme: NamingScheme


SOURCES = {
    source.name: source
    for source in (
        Source("keras", ("keras",)),
        Source("keras_applications", ("keras_applications",), "same", 1e-3),
        Source(
            "keras_efficient",
            ("keras_efficient", "keras_applications", "keras"),
        ),
        Source("tensorflow", ("tensorflow",), "same", 1e-3),
        Source("timm_tf", ("timm",), "same", 1e-3),
        Source("timm", ("timm",), "symmetric", 1e-5),
        Source("lukemelas", ("lukemelas",), "same", 1e-3),
        Source("torchvision", ("torchvision",), "symmetric", 1e-5),
        Source("automl", ("automl", "automl_objects"), "same", 1e-3),
        Source("effdet_tf", ("effdet",), "same", 1e-3),
        Source("effdet", ("effdet",), "symmetric", 1e-5),
    )
}
_SOURCE_OF_SCHEME = {"automl_objects": "automl"}


def identify(
    checkpoint: Checkpoint,
    network: Network | None = None,
    source: str | None = None,
) -> Origin:
    """Identify the library that a checkpoint comes from.

    Args:
        checkpoint: The `Checkpoint`.
        network: The `Network` to load into, or `None` for an EfficientNet or
            EfficientDet. Defaults to `None`.
        source: Name of the library, if the user passed it.

    Returns:
        An `Origin`.

    Raises:
        ValueError: If no supported library uses such names, if `source` is
            unknown or contradicts the names, or if it is required.
    """
    if source is not None and source not in SOURCES:
        raise ValueError(
            f"`source` must be one of {tuple(SOURCES)}. "
            f"Received: source={source!r}"
        )
    scheme = _scheme_of(checkpoint, network)
    if scheme is None:
        names = list(checkpoint.arrays)
        raise ValueError(
            f"{checkpoint.path} does not contain the names of an EfficientNet "
            f"of any of {tuple(SOURCES)}. "
            f"Received: {len(names)} names, such as {names[:4]}"
        )
    if source is None:
        source = _source_of(checkpoint, scheme)
    if scheme.name not in SOURCES[source].schemes:
        raise ValueError(
            f"{checkpoint.path} has names of {scheme.name!r}. "
            f"Received: source={source!r}"
        )
    return Origin(SOURCES[source], scheme)


def recognize(names: Sequence[str], schemes: Iterable[Scheme]) -> Scheme | None:
    """Return the naming scheme that most of the names follow.

    Args:
        names: Names in a file.
        schemes: The schemes to choose from.

    Returns:
        A `Scheme`, or `None` if fewer than half of the names follow any.
    """

    def count(scheme: Scheme) -> int:
        rewritten = filter(None, map(scheme.rewrite, names))
        return sum(re.match(scheme.pattern, n) is not None for n in rewritten)

    scheme = max(schemes, key=count)
    weights = [name for name in names if not name.endswith(COUNTERS)]
    return scheme if 2 * count(scheme) >= len(weights) > 0 else None


def _scheme_of(
    checkpoint: Checkpoint, network: Network | None
) -> NamingScheme | None:
    tables = [x for x in checkpoint.format.schemes if isinstance(x, Scheme)]
    if not tables:
        return checkpoint.format.schemes[0]
    if network is not None and network.is_keras_network:
        return KERAS_NETWORKS
    return recognize(list(checkpoint.arrays), tables)


def _source_of(checkpoint: Checkpoint, scheme: NamingScheme) -> str:
    if scheme is TIMM:
        return _timm_source(checkpoint)
    if scheme is EFFDET and is_trained_in_tensorflow(checkpoint.arrays):
        return "effdet_tf"
    return _SOURCE_OF_SCHEME.get(scheme.name, scheme.name)


def _timm_source(checkpoint: Checkpoint) -> str:
    """Return whether timm ported the network from TensorFlow or trained it."""
    architecture = checkpoint.config.get("architecture", "")
    for name in (checkpoint.path.name, architecture):
        if "tf_efficientnet" in name:
            return "timm_tf"
        if re.search(r"(^|[^a-z])efficientnet_", name):
            return "timm"
    raise ValueError(
        f"{checkpoint.path} is a file of timm, but its name does not say "
        "whether of a `tf_efficientnet_*` or of an `efficientnet_*` model; "
        "they pad differently. "
        'Pass `source="timm_tf"` or `source="timm"`.'
    )
