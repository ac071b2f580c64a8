"""Folders for results."""

import pathlib


def new_results(
    output: pathlib.Path | None, default: str, overwrite: bool
) -> pathlib.Path:
    """Return a folder for results without files that would be lost.

    Args:
        output: Requested folder, or `None`.
        default: Name of the folder if none is requested. If it is not empty,
            `default-2` and so on are tried.
        overwrite: Whether to accept a folder that is not empty.

    Returns:
        The `pathlib.Path` of the folder, which may not exist yet.

    Raises:
        FileExistsError: If `output` is a file, or not empty.
    """
    if output is None:
        number, path = 1, pathlib.Path(default)
        while _is_taken(path) and not overwrite:
            number += 1
            path = pathlib.Path(f"{default}-{number}")
        return path
    if output.is_file() or (_is_taken(output) and not overwrite):
        raise FileExistsError(
            f"{output} exists. Choose another --output"
            + ("." if output.is_file() else " or pass --overwrite.")
        )
    return output


def _is_taken(path):
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
