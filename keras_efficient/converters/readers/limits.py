"""Limits of what a checkpoint may need, in proportion to its size."""

import os
import zipfile

from keras_efficient.types import PathLike

# Deflate, which zip and HDF5 use, compresses by at most 1032.
MAX_COMPRESSION = 1100
# Tensors of PyTorch are not compressed. Two may share their numbers, and
# bfloat16 becomes float32.
MAX_SHARING = 4
# Characters of the longest name of an array. Those of all libraries are
# shorter than 200.
MAX_NAME = 512


class ByteBudget:
    """Counts the bytes of the arrays of a file, before they are read.

    Args:
        stored: Integer, bytes of the file.
        factor: Integer, how many times more its arrays may have together.
            Defaults to `MAX_COMPRESSION`.
    """

    def __init__(self, stored: int, factor: int = MAX_COMPRESSION):
        self._stored = stored
        self._factor = factor
        self._left = stored * factor

    @classmethod
    def of_file(
        cls, path: PathLike, factor: int = MAX_COMPRESSION
    ) -> "ByteBudget":
        """Return the budget of a file."""
        return cls(os.stat(path).st_size, factor)

    def take(self, number: int) -> None:
        """Subtract the bytes of an array.

        Raises:
            ValueError: If too few are left.
        """
        self._left -= number
        if self._left < 0:
            raise ValueError(
                f"its arrays need more than {self._factor} times the "
                f"{self._stored} bytes that are stored"
            )


def check_members(archive: zipfile.ZipFile) -> None:
    """Check that the members of a zip archive are not over-compressed.

    Args:
        archive: The `zipfile.ZipFile`.

    Raises:
        ValueError: If a member needs more than `MAX_COMPRESSION` times the
            bytes that are stored.
    """
    for member in archive.infolist():
        if member.file_size > MAX_COMPRESSION * member.compress_size:
            raise ValueError(
                f"its member {member.filename[:MAX_NAME]!r} needs "
                f"{member.file_size} bytes, but only {member.compress_size} "
                "are stored"
            )
    # Members may overlap, so that many are stored in the same bytes.
    budget = ByteBudget.of_file(str(archive.filename))
    for member in archive.infolist():
        budget.take(member.file_size)
