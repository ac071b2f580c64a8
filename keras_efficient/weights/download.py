"""Download published weight files into a cache: checked and resumable.

`pooch` cannot replace this module. It restarts an interrupted download from
the beginning and tries a single URL for each file. It compares complete
hashes, while the names of PyTorch files contain 8 digits of a SHA-256.

Two environment variables change where files are stored and come from:

- `KERAS_EFFICIENT_CACHE`: folder of the files. Defaults to the folder of
  `keras.applications`, so that files it has downloaded are used.
- `KERAS_EFFICIENT_MIRROR`: URL or folder that is tried first for each file.
"""

import hashlib
import os
import pathlib
import posixpath
import urllib.parse
from collections.abc import Mapping
from collections.abc import Sequence

import filelock

from keras_efficient.log import get_logger
from keras_efficient.types import PathLike
from keras_efficient.weights import manifest
from keras_efficient.weights.hashing import HashMismatchError
from keras_efficient.weights.hashing import digests
from keras_efficient.weights.hashing import matches
from keras_efficient.weights.manifest import WeightsEntry
from keras_efficient.weights.transfer import TransferError
from keras_efficient.weights.transfer import forget
from keras_efficient.weights.transfer import transfer

CACHE_VARIABLE = "KERAS_EFFICIENT_CACHE"
MIRROR_VARIABLE = "KERAS_EFFICIENT_MIRROR"
_LOGGER = get_logger(__name__)


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
        tried = "".join(f"\n- {url}: {why}" for url, why in reasons.items())
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
    name, urls, known_hash = _resolve(source)
    file_hash = file_hash or known_hash
    path = pathlib.Path(folder) if folder is not None else cache_dir()
    path = path.expanduser().absolute() / name
    if _is_complete(path, file_hash):
        return path
    _make_folder(path.parent)
    with filelock.FileLock(path.with_name(f".{path.name}.lock")):
        # Another process may have downloaded it in the meantime.
        if not _is_complete(path, file_hash):
            urls = _mirrors(path.name) + tuple(urls)
            _download(path, urls, file_hash, verbose, timeout)
    return path


def _resolve(
    source: WeightsEntry | str,
) -> tuple[str, Sequence[str], Mapping[str, str]]:
    """Return the name in the cache, the URLs and the checksum of a file."""
    if isinstance(source, WeightsEntry):
        return source.file_name, source.urls, source.hash
    url = os.fspath(source)
    for entry in manifest.entries():
        if url in entry.urls:
            return entry.file_name, (url,), entry.hash
    parts = urllib.parse.urlsplit(url)
    name = posixpath.basename(urllib.parse.unquote(parts.path))
    if parts.scheme not in ("http", "https", "file") or not name:
        raise ValueError(
            "`source` must be an entry of the manifest or the URL of a file. "
            f"Received: source={source!r}"
        )
    # Different URLs may end in the same name: each has its own folder.
    return f"{hashlib.sha256(url.encode()).hexdigest()[:8]}/{name}", (url,), {}


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


def _is_complete(path: pathlib.Path, file_hash: Mapping[str, str]) -> bool:
    return path.is_file() and matches(path, file_hash)


def _download(
    path: pathlib.Path,
    urls: Sequence[str],
    file_hash: Mapping[str, str],
    verbose: bool | None,
    timeout: float,
) -> None:
    if path.exists():
        _LOGGER.info("The checksum of %s is wrong; downloading it again.", path)
    part = path.with_name(f"{path.name}.part")
    reasons: dict[str, str] = {}
    mismatch = None
    for url in urls:
        try:
            _download_from(url, part, file_hash, verbose, timeout)
        except TransferError as error:
            reasons[url] = str(error)
        except HashMismatchError as error:
            mismatch = error
        else:
            os.replace(part, path)
            forget(part)
            return
    if mismatch is not None:
        raise mismatch
    raise DownloadError(path, reasons)


def _download_from(
    url: str,
    part: pathlib.Path,
    file_hash: Mapping[str, str],
    verbose: bool | None,
    timeout: float,
) -> None:
    """Download the complete file, with the right checksum, to `part`."""
    for _ in range(2):
        was_resumed = transfer(
            url,
            part,
            is_checked=bool(file_hash),
            verbose=verbose,
            timeout=timeout,
        )
        if matches(part, file_hash):
            return
        received = digests(part, file_hash)
        forget(part)
        # The resumed part may be of another file: start again.
        if not was_resumed:
            break
    name = part.name.removesuffix(".part")
    raise HashMismatchError(
        f"{name} from {url} has a wrong checksum and was deleted. Expected: "
        f"{dict(file_hash)}. Received: {received}. The URL may have returned "
        "another file or an error page."
    )
