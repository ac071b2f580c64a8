"""Checksums of files, in the kinds that publishers give."""

import hashlib
import pathlib
from collections.abc import Mapping

_CHUNK_BYTES = 1 << 20
_ALGORITHMS = {"md5": "md5", "sha256": "sha256", "sha256_prefix": "sha256"}


class HashMismatchError(ValueError):
    """A file is not the one that was published."""


def matches(path: pathlib.Path, file_hash: Mapping[str, str]) -> bool:
    """Whether a file has the published checksum; true if none was published.

    Args:
        path: The file.
        file_hash: Kind and value, such as `{"sha256_prefix": "0af12548"}`.

    Returns:
        A boolean.

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
    """The checksums of a file, of the same kinds as the published ones.

    Args:
        path: The file.
        file_hash: Published checksums, whose kinds are wanted.

    Returns:
        A dict of kind to hexadecimal digits. A `sha256_prefix` is given
        whole.

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
            f"A checksum must be of {tuple(_ALGORITHMS)}. "
            f"Received: {sorted(unknown)}"
        )
    hashers = {kind: hashlib.new(_ALGORITHMS[kind]) for kind in file_hash}
    if hashers:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                for hasher in hashers.values():
                    hasher.update(chunk)
    return {kind: hasher.hexdigest() for kind, hasher in hashers.items()}
