"""What a checkpoint contains, without a model to load it into."""

import dataclasses

from keras_efficient.converters.file_formats import open_checkpoint
from keras_efficient.converters.naming.identification import Origin
from keras_efficient.converters.naming.identification import identify
from keras_efficient.converters.naming.published_variants import epsilon_of
from keras_efficient.converters.naming.published_variants import variant_of_file
from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.naming.scheme import Scheme
from keras_efficient.converters.naming.variable_names import BOX_PREDICTOR
from keras_efficient.converters.naming.variable_names import CLASS_PREDICTOR
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.types import PathLike


@dataclasses.dataclass(frozen=True)
class CheckpointInfo:
    """The network that the weights of a checkpoint are from.

    Attributes:
        path: The file, a string.
        source: Library that the weights come from, such as `"lukemelas"`.
        variant: Name of the published network, such as
            `"EfficientNetLite0"`, or `None` for another network.
        num_classes: Number of classes; `None` without a classifier.
        padding: `"same"` or `"symmetric"`, which the weights were trained
            with; `None` if the library has both.
        batch_norm_epsilon: Epsilon that the weights were trained with, or
            `None`.
    """

    path: str
    source: str
    variant: str | None
    num_classes: int | None
    padding: str | None
    batch_norm_epsilon: float | None


def inspect_checkpoint(
    path: PathLike, source: str | None = None
) -> CheckpointInfo:
    """Return the network that the weights of a checkpoint are from.

    `models.from_checkpoint` builds it.

    Args:
        path: Path of a checkpoint of any format that `load_checkpoint` reads.
        source: See `load_checkpoint`. Defaults to `None`.

    Returns:
        A `CheckpointInfo`.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ValueError: If the file is damaged, or its format or library unknown.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "mine.npz")
    >>> model = keras_efficient.EfficientNetB0(weights=None, classes=3)
    >>> names = keras_efficient.converters.naming.variable_names
    >>> np.savez(path, **names.named_variables(model))
    >>> info = keras_efficient.converters.inspect_checkpoint(path)
    >>> info.variant, info.num_classes, info.padding
    ('EfficientNetB0', 3, 'same')
    """
    checkpoint = open_checkpoint(path)
    origin = identify(checkpoint, source=source)
    return CheckpointInfo(
        path=str(checkpoint.path),
        source=origin.source.name,
        variant=variant_of_file(checkpoint.arrays, origin),
        num_classes=_num_classes(checkpoint.arrays, origin),
        padding=origin.source.padding,
        batch_norm_epsilon=epsilon_of(checkpoint.arrays, origin),
    )


def _num_classes(arrays: Arrays, origin: Origin) -> int | None:
    scheme = origin.scheme
    if not isinstance(scheme, Scheme):
        return None
    rewritten = {
        scheme.rewrite(name) or "": array
        for name, array in scheme.prepare(arrays).items()
    }
    head, boxes = (
        rewritten.get(f"{x}/pointwise_conv/bias")
        for x in (CLASS_PREDICTOR, BOX_PREDICTOR)
    )
    if head is not None and boxes is not None:
        # Four numbers of a box for each anchor.
        return head.size * 4 // max(boxes.size, 1)
    bias = rewritten.get(f"{scheme.ends[CLASSIFIER]}{scheme.separator}bias")
    return None if bias is None else bias.size
