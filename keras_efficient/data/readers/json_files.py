"""Json files in any encoding."""

import json
import pathlib
from typing import Any

from keras_efficient.data.readers.files import open_file

# Bytes that show what a file, possibly of gigabytes, contains.
HEAD = 65_536
TOO_DEEP = (
    "has lists inside lists more often than any annotation tool writes. Export "
    "the file again"
)
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
        with open_file(path) as file:
            data = file.read()
    except FileNotFoundError as e:
        raise FileNotFoundError(f"No such file: {path}") from e
    is_unicode = True
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        text, is_unicode = data.decode("cp1252", errors="replace"), False
    return parse_json(text, path), is_unicode


def parse_json(
    text: str, source: object, kind: str = "a complete json file"
) -> Any:
    """Return the contents of json text.

    Args:
        text: The text.
        source: Path of the file or description of the place, for messages.
        kind: What the text should be, for messages.

    Raises:
        ValueError: If it is not complete, has lists in lists a thousand times,
            or integers of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError as e:
        raise ValueError(f"{source} {TOO_DEEP}") from e
    except ValueError as e:
        raise ValueError(f"{source} is not {kind}: {e}") from e


def json_head(path: pathlib.Path) -> str:
    """Return the start of a json file as text."""
    with open_file(path) as file:
        data = file.read(HEAD)
    return data.decode(json.detect_encoding(data), errors="ignore").lstrip()
