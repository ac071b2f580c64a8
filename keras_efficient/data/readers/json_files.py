"""Json files in any encoding."""

import json
import pathlib
from typing import Any

# Bytes that show what a file, possibly of gigabytes, contains.
HEAD = 65_536
NOT_UTF8 = "files that are not UTF-8 text (read as Windows-1252)"


def read_json(path: pathlib.Path) -> tuple[Any, bool]:
    """Read a json file in UTF-8, UTF-16 or UTF-32, or else Windows-1252.

    Args:
        path: Path of the file.

    Returns:
        A pair `(content, is_unicode)`. Letters other than those of ASCII may
        be wrong if `is_unicode` is `False`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a complete json file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as e:
        raise FileNotFoundError(f"No such file: {path}") from e
    is_unicode = True
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        text, is_unicode = data.decode("cp1252", errors="replace"), False
    try:
        return json.loads(text), is_unicode
    except (ValueError, RecursionError) as e:
        raise ValueError(f"{path} is not a complete json file: {e}") from e


def json_head(path: pathlib.Path) -> str:
    """Return the start of a json file as text."""
    with open(path, "rb") as file:
        data = file.read(HEAD)
    return data.decode(json.detect_encoding(data), errors="ignore").lstrip()
