"""Checksums of files, of the kinds that publishers use."""

import hashlib
import pathlib
from collections.abc import Mapping

_CHUNK_BYTES = 1 << 20
_ALGORITHMS = {"md5": "md5", "sha256": "sha256", "sha256_prefix": "sha256"}


class HashMismatchError(ValueError):
    """The checksum of a file is not the published one."""


def matches(path: pathlib.Path, file_hash: Mapping[str, str]) -> bool:
    """Return whether a file has the published checksum.

    Args:
        path: Path of the file.
        file_hash: Dict of kind to value, such as
            `{"sha256_prefix": "0af12548"}`.

    Returns:
        A boolean, `True` if no checksum is published.

    Raises:
        ValueError: If the kind of checksum is unknown.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.weights import hashing
    >>> path = pathlib.Path(tempfile.mkdtemp(), "empty")
    >>> path.touch()
    >>> hashing.matches(path, {"md5": "d41d8cd98f00b204e9800998ecf8427e"})
    True
    """
    received = digests(path, file_hash)
    return all(
        received[kind].startswith(digest.lower())
        for kind, digest in file_hash.items()
    )


def digests(path: pathlib.Path, file_hash: Mapping[str, str]) -> dict[str, str]:
    """Compute the checksums of a file, of the published kinds.

    Args:
        path: Path of the file.
        file_hash: Dict of the published checksums by kind.

    Returns:
        A dict of kind to hexadecimal digits; for `sha256_prefix`, all digits.

    Raises:
        ValueError: If the kind of checksum is unknown.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.weights import hashing
    >>> path = pathlib.Path(tempfile.mkdtemp(), "empty")
    >>> path.touch()
    >>> hashing.digests(path, {"sha256_prefix": "0af12548"})[
    ...     "sha256_prefix"
    ... ][:8]
    'e3b0c442'
    """
    unknown = set(file_hash) - set(_ALGORITHMS)
    if unknown:
        raise ValueError(
            f"The kind of a checksum must be one of {tuple(_ALGORITHMS)}. "
            f"Received: {sorted(unknown)}"
        )
    hashers = {kind: hashlib.new(_ALGORITHMS[kind]) for kind in file_hash}
    if hashers:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                for hasher in hashers.values():
                    hasher.update(chunk)
    return {kind: hasher.hexdigest() for kind, hasher in hashers.items()}
