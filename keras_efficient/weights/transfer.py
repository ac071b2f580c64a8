"""Download one file from one URL, resuming an interrupted download."""

import http.client
import json
import os
import pathlib
import re
import sys
import urllib.error
import urllib.request
from typing import Any

import keras

from keras_efficient.atomic_writes import write_text
from keras_efficient.log import get_logger

_CHUNK_BYTES = 1 << 18
# An interrupted connection is retried as long as it yields new bytes.
_MAX_ATTEMPTS = 4
_LOGGER = get_logger(__name__)


class TransferError(Exception):
    """A file could not be downloaded from one URL.

    Attributes:
        is_interrupted: Whether the connection was interrupted after it had
            been established.
    """

    def __init__(self, reason: str, *, is_interrupted: bool = False):
        super().__init__(reason)
        self.is_interrupted = is_interrupted


def transfer(
    url: str,
    part: pathlib.Path,
    *,
    is_checked: bool,
    verbose: bool | None,
    timeout: float,
) -> bool:
    """Download a URL to a file, resuming after the bytes it already has.

    Args:
        url: URL to read.
        part: File to write. Its content is taken for the beginning of the
            same file if the server confirms it, or if `is_checked`.
        is_checked: Whether a checksum is compared afterwards, so that a wrong
            beginning is noticed.
        verbose: Whether to show a progress bar; `None` for only on a
            terminal.
        timeout: Seconds to wait for each response of the server.

    Returns:
        Whether an earlier download was resumed.

    Raises:
        TransferError: If the file cannot be downloaded from this URL.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_efficient.weights.transfer import transfer
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "here").write_bytes(b"abc")
    >>> transfer(
    ...     (folder / "here").as_uri(),
    ...     folder / "there",
    ...     is_checked=False,
    ...     verbose=False,
    ...     timeout=5.0,
    ... )
    False
    >>> (folder / "there").read_bytes()
    b'abc'
    """
    was_resumed = False
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        before = _size(part)
        try:
            resumed = _attempt(url, part, is_checked, verbose, timeout)
            return resumed or was_resumed
        except TransferError as error:
            has_progressed = _size(part) > before
            if not (error.is_interrupted and has_progressed):
                raise
            if attempt == _MAX_ATTEMPTS:
                raise
            was_resumed = True
    raise AssertionError("unreachable")


def forget(part: pathlib.Path) -> None:
    """Delete an unfinished download.

    Args:
        part: File of the unfinished download.

    Example:
    >>> import pathlib
    >>> from keras_efficient.weights.transfer import forget
    >>> forget(pathlib.Path("no such file"))
    """
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _attempt(
    url: str,
    part: pathlib.Path,
    is_checked: bool,
    verbose: bool | None,
    timeout: float,
) -> bool:
    start = _size(part)
    headers = {"User-Agent": "keras-efficient", "Accept-Encoding": "identity"}
    validator = _validator(part, url)
    if start and (is_checked or validator):
        headers["Range"] = f"bytes={start}-"
        if validator and not is_checked:
            headers["If-Range"] = validator
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            forget(part)
            return _attempt(url, part, is_checked, verbose, timeout)
        raise TransferError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise TransferError(str(error.reason)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_describe(error)) from error
    with response:
        if start and not _is_rest(response, start):
            start = 0
        _write_note(part, url, response)
        _receive(response, url, part, start, verbose)
    return start > 0


def _receive(
    response: Any,
    url: str,
    part: pathlib.Path,
    start: int,
    verbose: bool | None,
) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length and length.isdigit() else None
    name = part.name.removesuffix(".part")
    verb = "Resuming" if start else "Downloading"
    _LOGGER.info("%s %s (%s) from %s", verb, name, _format_bytes(total), url)
    if verbose is None:
        verbose = sys.stdout.isatty()
    progress = keras.utils.Progbar(total) if verbose else None
    received = start
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        while chunk := _read(response):
            file.write(chunk)
            received += len(chunk)
            if progress is not None:
                progress.update(received)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and received != total:
        raise TransferError(
            f"interrupted after {received:,} of {total:,} bytes",
            is_interrupted=True,
        )


def _read(response: Any) -> bytes:
    try:
        return response.read(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_describe(error), is_interrupted=True) from error


def _is_rest(response: Any, start: int) -> bool:
    """Return whether the server sends the rest, not the whole file again."""
    if getattr(response, "status", None) != http.client.PARTIAL_CONTENT:
        return False
    content_range = response.headers.get("Content-Range", "")
    found = re.match(r"bytes (\d+)-", content_range)
    if found is None or int(found[1]) != start:
        raise TransferError(
            f"the server sent the range {content_range!r} for bytes={start}-"
        )
    return True


def _validator(part: pathlib.Path, url: str) -> str | None:
    """Return the validator of the unfinished download, if it is of `url`."""
    try:
        note = json.loads(_note_path(part).read_text())
        return note["validator"] if note["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_note(part: pathlib.Path, url: str, response: Any) -> None:
    etag = response.headers.get("ETag")
    if etag is None or etag.startswith("W/"):  # weak: not valid for ranges
        etag = response.headers.get("Last-Modified")
    note = json.dumps({"url": url, "validator": etag})
    write_text(_note_path(part), note)


def _note_path(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(f"{part.name}.json")


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__


def _format_bytes(count: int | None) -> str:
    if count is None:
        return "unknown size"
    if count < 1_000_000:
        return f"{count:,} bytes"
    return f"{count / 1e6:,.1f} MB"
