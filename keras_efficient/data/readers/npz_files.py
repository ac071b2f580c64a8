"""Reading of .npz files whose sizes cannot be trusted."""

import math
import os
import zipfile
from collections.abc import Sequence

import numpy as np

from keras_efficient.data.readers.files import open_file
from keras_efficient.data.records import listed
from keras_efficient.types import PathLike

# The largest ratio that the compression of numpy reaches.
MAX_EXPANSION = 1032


def load_npz(
    path: PathLike, wanted: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read some arrays of an .npz file.

    The sizes that the file states are compared with its bytes before memory
    is reserved: an array has at most 1032 times the bytes of the file, the
    largest ratio of the compression.

    Args:
        path: Path of the file.
        wanted: Names of arrays that the file must have.
        optional: Names of arrays that are read if the file has them.

    Returns:
        A dict from names to arrays.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a complete .npz file, lacks an array, or
            states more than it contains.
    """
    name = os.fspath(path)
    with open_file(path) as opened:
        try:
            with zipfile.ZipFile(opened) as archive:
                members = {x.filename: x for x in archive.infolist()}
                names = [f"{x}.npy" for x in (*wanted, *optional)]
                for member in (members[x] for x in names if x in members):
                    _check_member(archive, member, os.path.getsize(path))
            opened.seek(0)
            with np.load(opened) as file:
                found = list(file.files)
                if set(wanted) <= set(found):
                    names = [x for x in (*wanted, *optional) if x in found]
                    return {x: file[x] for x in names}
        except OSError as e:
            raise ValueError(f"{name} cannot be read: {e}") from e
        # zipfile, zlib and numpy raise many kinds on broken files.
        except Exception as e:
            raise ValueError(f"{name} is not a complete .npz file: {e}") from e
    raise ValueError(
        f"{name} must contain the arrays {list(wanted)}. Received: "
        f"{listed(sorted(found))}"
    )


def _check_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int
) -> None:
    """Raise an error if an array cannot be as large as it states."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in another way than numpy does")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    stated = math.prod(shape) * dtype.itemsize
    possible = min(member.file_size, MAX_EXPANSION * size)
    if stated > possible:
        raise ValueError(
            f"{member.filename} states {stated} bytes and contains at most "
            f"{possible}"
        )
