"""Download published weight files into a cache: checked and resumable.

`pooch` cannot replace this module. It restarts an interrupted download from
the beginning and tries a single URL for each file. It compares complete
hashes, while the names of PyTorch files contain 8 digits of a SHA-256.

Two environment variables change where files are stored and come from:

- `KERAS_EFFICIENT_CACHE`: folder of the files. Defaults to the folder of
  `keras.applications`, so that files it has downloaded are used.
- `KERAS_EFFICIENT_MIRROR`: URL or folder that is tried first for each file.

A file has at most `BYTES_PER_PARAMETER` bytes for each parameter of its model,
besides `EXTRA_BYTES`, and one from another URL at most `transfer.MAX_BYTES`;
`transfer.MAX_SECONDS`, `STALL_SECONDS` and `STALL_BYTES` limit the time.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import posixpath
import urllib.parse
from collections.abc import Iterator
from collections.abc import Mapping

import filelock

from keras_efficient.log import get_logger
from keras_efficient.types import PathLike
from keras_efficient.weights import manifest
from keras_efficient.weights.connections import SCHEMES
from keras_efficient.weights.connections import TransferError
from keras_efficient.weights.connections import printable
from keras_efficient.weights.hashing import HashMismatchError
from keras_efficient.weights.hashing import digests
from keras_efficient.weights.hashing import matches
from keras_efficient.weights.manifest import WeightsEntry
from keras_efficient.weights.transfer import MAX_BYTES
from keras_efficient.weights.transfer import forget
from keras_efficient.weights.transfer import forget_note
from keras_efficient.weights.transfer import transfer

CACHE_VARIABLE = "KERAS_EFFICIENT_CACHE"
MIRROR_VARIABLE = "KERAS_EFFICIENT_MIRROR"
# The manifest has no sizes. TensorFlow's checkpoints have 16 bytes for each
# parameter: its value, its average, and two of the optimizer.
BYTES_PER_PARAMETER = 32
EXTRA_BYTES = 1 << 26
# How the content of a file begins, by the ending of its name.
_BEGINNINGS = {
    ".h5": (b"\x89HDF\r\n\x1a\n",),
    ".pth": (b"PK\x03\x04", b"\x80"),  # a zip file, or a pickle
    ".gz": (b"\x1f\x8b",),
}
_LOGGER = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class _Source:
    """A file to download.

    Attributes:
        name: Its path in the cache.
        urls: The URLs to try.
        hash: Kind and value of its checksum; empty if it is unknown.
        max_bytes: Its largest size.
        is_published: Whether it is in the manifest.
    """

    name: str
    urls: tuple[str, ...]
    hash: Mapping[str, str]
    max_bytes: int = MAX_BYTES
    is_published: bool = False

    def accepts(self, path: pathlib.Path) -> bool:
        """Return whether a file has the right checksum, or kind without one."""
        beginnings = _BEGINNINGS.get(pathlib.Path(self.name).suffix)
        if not self.hash and self.is_published and beginnings:
            with path.open("rb") as file:
                return file.read(16).startswith(beginnings)
        return matches(path, self.hash)

    def notice(self) -> str | None:
        """Return what to tell the user if no complete checksum is known."""
        name = posixpath.basename(self.name)
        if not self.hash:
            checks = (
                "names, shapes and finite values are checked instead when it "
                "is loaded"
                if self.is_published
                else "pass `file_hash` to check it"
            )
            return f"{name} has no published hash; {checks}."
        if set(self.hash) == {"sha256_prefix"}:
            return (
                f"Only 32 bits of the hash of {name} are published; names, "
                "shapes and finite values are checked as well when it is "
                "loaded."
            )
        return None


class DownloadError(OSError):
    """A file could not be downloaded from any of its URLs.

    Attributes:
        path: Path where the user may put the file.
        reasons: Dict of each URL that was tried to the reason of its failure.
    """

    def __init__(
        self,
        path: pathlib.Path,
        reasons: Mapping[str, str],
        instead: str = "",
    ):
        tried = "".join(
            f"\n- {printable(url)}: {why}" for url, why in reasons.items()
        )
        super().__init__(
            f"{path.name} could not be downloaded. Tried:{tried}\n"
            f"Download the file yourself to {path}, or set the environment "
            f"variable {MIRROR_VARIABLE} to a URL or folder that has it."
            f"{instead and f' {instead}'}"
        )
        self.path = path
        self.reasons = dict(reasons)


def cache_dir() -> pathlib.Path:
    """Return the folder of downloaded files.

    Returns:
        A `pathlib.Path`; the folder need not exist.

    Example:
    >>> from keras_efficient.weights import download
    >>> download.cache_dir().is_absolute()
    True
    """
    if os.environ.get(CACHE_VARIABLE):
        path = pathlib.Path(os.environ[CACHE_VARIABLE]).expanduser()
        return path.absolute()
    if os.environ.get("KERAS_HOME"):
        home = pathlib.Path(os.environ["KERAS_HOME"]).expanduser()
    else:
        home = pathlib.Path.home()
        # As Keras does for users without a home folder.
        home = (home if os.access(home, os.W_OK) else pathlib.Path("/tmp")) / (
            ".keras"
        )
    return home.absolute() / "models"


def fetch(
    source: WeightsEntry | str,
    *,
    file_hash: Mapping[str, str] | None = None,
    folder: PathLike | None = None,
    verbose: bool | None = None,
    timeout: float = 30.0,
) -> pathlib.Path:
    """Return the path of a published file, downloading it if necessary.

    A file in the cache is used if its checksum is right. A download is
    written to a temporary name and replaces the file only when it is complete
    and its checksum is right. The next call resumes an interrupted download.
    If several processes ask for the same file, one of them downloads it.

    Without a complete checksum, a message says so. The size and the duration
    of a download are limited, and redirects lead to `https` only, or from
    `http` to `http`.

    Args:
        source: Entry of the manifest, or URL of any file.
        file_hash: Checksum of the file at a URL, such as `{"sha256": ...}`,
            `{"md5": ...}` or `{"sha256_prefix": ...}`. Entries of the
            manifest have their own.
        folder: Folder to download to. Defaults to `cache_dir()`.
        verbose: Boolean, whether to show a progress bar. Defaults to `None`:
            if standard output is a terminal.
        timeout: Float, seconds to wait for each response of a server.
            Defaults to 30.

    Returns:
        The `pathlib.Path` of the file.

    Raises:
        DownloadError: If the file cannot be downloaded; the message says
            where to put it. It is an `OSError`.
        HashMismatchError: If the downloaded file is not the published one. It
            is a `ValueError`.

    Example:
    ```python
    from keras_efficient import weights

    entry = weights.find("EfficientNetB0", "noisy-student")[0]
    path = weights.fetch(entry)
    ```
    """
    file = _resolve(source)
    if file_hash:
        file = dataclasses.replace(file, hash=file_hash)
    path = pathlib.Path(folder) if folder is not None else cache_dir()
    path = path.expanduser().absolute() / file.name
    if _is_complete(path, file):
        return path
    _make_folder(path.parent)
    with _locked(path):
        # Another process may have downloaded it in the meantime.
        if not _is_complete(path, file):
            _download(path, file, verbose, timeout)
    return path


def _resolve(source: WeightsEntry | str) -> _Source:
    """Return what is known of a file."""
    if isinstance(source, WeightsEntry):
        return _published(source, source.urls)
    url = os.fspath(source)
    for entry in manifest.entries():
        if url in entry.urls:
            return _published(entry, (url,))
    parts = urllib.parse.urlsplit(url)
    name = posixpath.basename(urllib.parse.unquote(parts.path))
    is_name = name == printable(name) and name not in ("", ".", "..")
    if parts.scheme not in SCHEMES or not is_name or "\\" in name:
        raise ValueError(
            "`source` must be an entry of the manifest or the URL of a file. "
            f"Received: source={source!r}"
        )
    # Different URLs may end in the same name: each has its own folder.
    folder = hashlib.sha256(url.encode()).hexdigest()[:8]
    return _Source(f"{folder}/{name}", (url,), {})


def _published(entry: WeightsEntry, urls: tuple[str, ...]) -> _Source:
    return _Source(
        entry.file_name,
        urls,
        entry.hash,
        max_bytes=BYTES_PER_PARAMETER * entry.num_params + EXTRA_BYTES,
        is_published=True,
    )


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """Wait until no other process or thread downloads a file."""
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _LOGGER.info("Another process downloads %s; waiting for it.", path.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _mirrors(name: str) -> tuple[str, ...]:
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        return ()
    if "://" not in mirror:
        mirror = pathlib.Path(mirror).expanduser().absolute().as_uri()
    return (f"{mirror.rstrip('/')}/{urllib.parse.quote(name)}",)


def _make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder for weight files cannot be created: {folder} "
            f"({error}). Set the environment variable {CACHE_VARIABLE} to "
            "another folder."
        ) from error


def _is_complete(path: pathlib.Path, file: _Source) -> bool:
    return path.is_file() and file.accepts(path)


def _download(
    path: pathlib.Path, file: _Source, verbose: bool | None, timeout: float
) -> None:
    if path.exists():
        _LOGGER.info("%s is not the published file; downloading it.", path)
    notice = file.notice()
    if notice is not None:
        _LOGGER.info("%s", notice)
    part = path.with_name(f"{path.name}.part")
    reasons: dict[str, str] = {}
    mismatch = None
    for url in _mirrors(path.name) + file.urls:
        try:
            _download_from(url, part, file, verbose, timeout)
        except TransferError as error:
            reasons[url] = str(error)
        except HashMismatchError as error:
            mismatch = error
        else:
            forget_note(part)
            os.replace(part, path)
            return
    if mismatch is not None:
        raise mismatch
    raise DownloadError(path, reasons)


def _download_from(
    url: str,
    part: pathlib.Path,
    file: _Source,
    verbose: bool | None,
    timeout: float,
) -> None:
    """Download the complete file, with the right checksum, to `part`."""
    if file.hash and part.exists() and file.accepts(part):
        return  # The process was killed after it had received all of it.
    for _ in range(2):
        was_resumed = transfer(
            url,
            part,
            is_checked=bool(file.hash),
            verbose=verbose,
            timeout=timeout,
            max_bytes=file.max_bytes,
        )
        if file.accepts(part):
            return
        received = digests(part, file.hash)
        forget(part)
        # The resumed part may be of another file: start again.
        if not was_resumed:
            break
    name = part.name.removesuffix(".part")
    if not file.hash:
        raise TransferError(
            f"the server sent another kind of file than {name}, perhaps an "
            "error page"
        )
    raise HashMismatchError(
        f"{name} from {printable(url)} has a wrong checksum and was deleted. "
        f"Expected: {dict(file.hash)}. Received: {received}. The URL may have "
        "returned another file or an error page."
    )
