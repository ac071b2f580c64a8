"""Reading of TFRecord files, for which only TensorFlow has a reader.

The API is public. It is here because the other floors import no backend.
TensorFlow is imported inside the function: this module is importable where it
is not installed. Verified with TensorFlow 2.21.
"""

import pathlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

GZIP = b"\x1f\x8b"


def read_examples(
    path: pathlib.Path, keys: Sequence[str]
) -> Iterator[dict[str, list[Any]]]:
    """Read some features of the examples of a TFRecord file.

    Args:
        path: Path of a file, which may be compressed with gzip.
        keys: Names of features.

    Yields:
        For each example a dict with those of `keys` that it has: lists of
        bytes, floats or integers.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If the file is not a complete TFRecord file of examples.
    """
    try:
        import tensorflow as tf
    except ImportError as e:
        raise ImportError(
            f"{path} is a TFRecord file, which requires TensorFlow. Run `pip "
            'install "keras-efficient[tensorflow]"`.'
        ) from e
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        compression = "GZIP" if file.read(2) == GZIP else ""
    try:
        with tf.device("/cpu:0"):
            records = tf.data.TFRecordDataset(str(path), compression)
            for record in records.as_numpy_iterator():
                features = tf.train.Example.FromString(record).features.feature
                yield {
                    key: _values(features[key])
                    for key in keys
                    if key in features
                }
    except (tf.errors.OpError, DecodeError) as e:
        raise ValueError(
            f"{path} is not a complete TFRecord file of examples: {e}"
        ) from e


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return [] if kind is None else list(getattr(feature, kind).value)
