"""Download one file from one URL, resuming an interrupted download."""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import sys
import time
from typing import Any

from keras_efficient.atomic_writes import check_free_space
from keras_efficient.atomic_writes import write_text
from keras_efficient.log import get_logger
from keras_efficient.weights.connections import TransferError
from keras_efficient.weights.connections import Watchdog
from keras_efficient.weights.connections import open_url
from keras_efficient.weights.connections import printable

# Largest file of unknown size.
MAX_BYTES = 16 << 30
# A download ends without an error only if it lasts at most 6 hours in total
# and at least 64 KiB arrive in each minute, about 1 kB/s. Slower servers would
# hold the process and the lock of the file.
MAX_SECONDS = 6 * 3600.0
STALL_SECONDS = 60.0
STALL_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 18
# An interrupted connection is retried as long as it yields new bytes.
_MAX_ATTEMPTS = 4
# The server confirms the range, and states the size of the whole file.
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_LOGGER = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class _Job:
    """A download: the arguments of `transfer`, and when it must end."""

    url: str
    part: pathlib.Path
    is_checked: bool
    verbose: bool | None
    timeout: float
    max_bytes: int
    end: float


class _WrongRangeError(Exception):
    """The server sends another part of the file than the requested one."""


def transfer(
    url: str,
    part: pathlib.Path,
    *,
    is_checked: bool,
    verbose: bool | None,
    timeout: float,
    max_bytes: int = MAX_BYTES,
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
        max_bytes: Largest size of the file. Defaults to 16 GiB.

    Returns:
        Whether an earlier download was resumed.

    Raises:
        OSError: If the file does not fit on the disk.
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
    end = time.monotonic() + MAX_SECONDS
    job = _Job(url, part, is_checked, verbose, timeout, max_bytes, end)
    was_resumed = False
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        before = _size(part)
        try:
            resumed = _attempt(job)
            return resumed or was_resumed
        except TransferError as error:
            # A rejected part is smaller after the new beginning.
            has_progressed = _size(part) not in (0, before)
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
    forget_note(part)


def forget_note(part: pathlib.Path) -> None:
    """Delete the file beside a download that tells how to resume it.

    Args:
        part: File of the download.

    Example:
    >>> import pathlib
    >>> from keras_efficient.weights.transfer import forget_note
    >>> forget_note(pathlib.Path("no such file"))
    """
    _note_path(part).unlink(missing_ok=True)


def _attempt(job: _Job) -> bool:
    """Return whether an earlier download was resumed."""
    start = _size(job.part)
    headers = {"User-Agent": "keras-efficient", "Accept-Encoding": "identity"}
    validator = _validator(job.part, job.url)
    if start and (job.is_checked or validator):
        headers["Range"] = f"bytes={start}-"
        if validator and not job.is_checked:
            headers["If-Range"] = validator
    else:
        start = 0
    try:
        with Watchdog(STALL_SECONDS, job.end) as watchdog:
            with open_url(job.url, headers, job.timeout, watchdog) as response:
                start, total = _extent(response, start)
                _check_size(job, start, total)
                _write_note(job.part, job.url, response)
                _receive(job, response, start, total, watchdog)
    except _WrongRangeError:
        is_rejected = True
    except TransferError as error:
        is_rejected = (
            error.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE
            and start > 0
        )
        if not is_rejected:
            raise
    else:
        return start > 0
    # Begin again, without asking for a range.
    forget(job.part)
    return _attempt(job)


def _extent(response: Any, start: int) -> tuple[int, int | None]:
    """Return where the response begins in the file, and the file's size.

    Args:
        response: The response.
        start: The first byte that was requested; 0 for the whole file.
    """
    status = getattr(response, "status", None)  # `None` for a local file
    length = response.headers.get("Content-Length")
    size = int(length) if length and re.fullmatch(r"\d{1,18}", length) else None
    if status in (None, http.client.OK):
        # Without ranges, or because the file has changed, all of it is sent.
        return 0, size
    if status != http.client.PARTIAL_CONTENT:
        raise TransferError(f"HTTP {status} {response.reason} without a file")
    stated = response.headers.get("Content-Range", "")
    if not start:
        raise TransferError(
            f"the server sent the range '{stated}', although the whole file "
            "was requested"
        )
    found = _CONTENT_RANGE.fullmatch(stated.strip())
    if found is None or int(found[1]) != start:
        raise _WrongRangeError
    if found[3] != "*":
        return start, int(found[3])
    return start, None if size is None else start + size


def _check_size(job: _Job, start: int, total: int | None) -> None:
    if total is None:
        return
    if total > job.max_bytes:
        raise TransferError(
            f"the server offers {total:,} bytes, but the file has at most "
            f"{job.max_bytes:,}"
        )
    check_free_space(job.part, total - start)


def _receive(
    job: _Job,
    response: Any,
    start: int,
    total: int | None,
    watchdog: Watchdog,
) -> None:
    name = job.part.name.removesuffix(".part")
    verb = "Resuming" if start else "Downloading"
    size, url = _format_bytes(total), printable(job.url)
    _LOGGER.info("%s %s (%s) from %s", verb, name, size, url)
    progress = _progress_bar(job.verbose, total)
    received = reported = start
    limit = job.max_bytes if total is None else total
    watchdog.report_progress()
    with job.part.open("r+b" if start else "wb") as file:
        file.seek(start)
        while chunk := _read(response, watchdog):
            received += len(chunk)
            if received > limit:
                break
            file.write(chunk)
            if received - reported >= STALL_BYTES:
                watchdog.report_progress()
                reported = received
            if progress is not None:
                progress.update(received)
        file.flush()
        os.fsync(file.fileno())
    if received > limit:
        forget(job.part)
        raise TransferError(f"the server sent more than {limit:,} bytes")
    watchdog.check()
    if total is not None and received != total:
        raise TransferError(
            f"interrupted after {received:,} of {total:,} bytes",
            is_interrupted=True,
        )


def _progress_bar(verbose: bool | None, total: int | None) -> Any:
    if verbose is None:
        verbose = sys.stdout.isatty()
    if not verbose:
        return None
    import keras

    return keras.utils.Progbar(total)


def _read(response: Any, watchdog: Watchdog) -> bytes:
    """Return what has arrived, without waiting for a full chunk."""
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        watchdog.check(error)
        reason = str(error) or type(error).__name__
        raise TransferError(reason, is_interrupted=True) from error


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


def _format_bytes(count: int | None) -> str:
    if count is None:
        return "unknown size"
    if count < 1_000_000:
        return f"{count:,} bytes"
    return f"{count / 1e6:,.1f} MB"
