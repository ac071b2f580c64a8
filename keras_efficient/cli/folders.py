"""Folders for results."""

import pathlib


def new_results(
    output: pathlib.Path | None, default: str, overwrite: bool
) -> pathlib.Path:
    """A folder for results, in which nothing lies that would be lost.

    Args:
        output: What was asked for, or `None`.
        default: Name of the folder otherwise; where it is taken,
            `default-2` and so on.
        overwrite: Whether a folder that is not empty will do.

    Returns:
        The `pathlib.Path`; the folder need not be there yet.

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
            f"There is something at {output}. Take another --output"
            + ("." if output.is_file() else ", or --overwrite.")
        )
    return output


def _is_taken(path):
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
