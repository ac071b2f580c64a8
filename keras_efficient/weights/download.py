"""Published weight files into the cache: checked, resumable, never half.

Two environment variables change where files lie and come from:

- `KERAS_EFFICIENT_CACHE`: folder of the files. By default it is the one of
  `keras.applications`, so that what lies there is used.
- `KERAS_EFFICIENT_MIRROR`: URL or folder that is tried first for each file.
"""

import hashlib
import os
import pathlib
import posixpath
import urllib.parse
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.weights import manifest
from keras_efficient.weights.hashing import HashMismatchError
from keras_efficient.weights.hashing import digests
from keras_efficient.weights.hashing import matches
from keras_efficient.weights.locking import locked
from keras_efficient.weights.manifest import WeightsEntry
from keras_efficient.weights.messages import print_message
from keras_efficient.weights.transfer import TransferError
from keras_efficient.weights.transfer import forget
from keras_efficient.weights.transfer import transfer

CACHE_VARIABLE = "KERAS_EFFICIENT_CACHE"
MIRROR_VARIABLE = "KERAS_EFFICIENT_MIRROR"


class DownloadError(OSError):
    """A file could not be had from any of its URLs.

    Attributes:
        path: Where the file may be put by hand.
        reasons: Dict of each URL tried to what went wrong there.
    """

    def __init__(self, path: pathlib.Path, reasons: Mapping[str, str]):
        tried = "".join(f"\n- {url}: {why}" for url, why in reasons.items())
        super().__init__(
            f"{path.name} could not be downloaded. Tried:{tried}\n"
            f"Put the file by hand at {path}, or set the environment "
            f"variable {MIRROR_VARIABLE} to a URL or folder that has it."
        )
        self.path = path
        self.reasons = dict(reasons)


def cache_dir() -> pathlib.Path:
    """The folder in which downloaded files lie.

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
        # As Keras does for users without a home of their own.
        home = (home if os.access(home, os.W_OK) else pathlib.Path("/tmp")) / (
            ".keras"
        )
    return home.absolute() / "models"


def fetch(
    source: WeightsEntry | str,
    *,
    file_hash: Mapping[str, str] | None = None,
    folder: str | os.PathLike | None = None,
    verbose: bool | None = None,
    timeout: float = 30.0,
) -> pathlib.Path:
    """Gives the path of a published file, downloading it if it is not there.

    A file that lies in the cache is used if its checksum is right. A download
    goes to a temporary name and takes the place of the file only when it is
    whole and right; one that broke off is resumed by the next call.

    Args:
        source: Entry of the manifest, or URL of any file.
        file_hash: Checksum of the file at a URL, such as `{"sha256": ...}`,
            `{"md5": ...}` or `{"sha256_prefix": ...}`. Entries have their
            own.
        folder: Where to put the file. Defaults to `cache_dir()`.
        verbose: Whether to show a progress bar. Defaults to whether the
            output is a terminal.
        timeout: Seconds to wait for a server at each step.

    Returns:
        The `pathlib.Path` of the file.

    Raises:
        DownloadError: If the file cannot be had; it says where to put it by
            hand. It is an `OSError`.
        HashMismatchError: If what came is not what was published. It is a
            `ValueError`.

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
    if _is_there(path, file_hash):
        return path
    _make_folder(path.parent)
    with locked(path):
        # Whoever held the lock may have brought it meanwhile.
        if not _is_there(path, file_hash):
            urls = _mirrors(path.name) + tuple(urls)
            _download(path, urls, file_hash, verbose, timeout)
    return path


def _resolve(
    source: WeightsEntry | str,
) -> tuple[str, Sequence[str], Mapping[str, str]]:
    """Name in the cache, URLs and checksum of what is asked for."""
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
    # Files of other places may have equal names: each URL has its folder.
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
            f"The folder for weight files cannot be made: {folder} ({error}). "
            f"Set the environment variable {CACHE_VARIABLE} to another."
        ) from error


def _is_there(path: pathlib.Path, file_hash: Mapping[str, str]) -> bool:
    return path.is_file() and matches(path, file_hash)


def _download(
    path: pathlib.Path,
    urls: Sequence[str],
    file_hash: Mapping[str, str],
    verbose: bool | None,
    timeout: float,
) -> None:
    if path.exists():
        print_message(f"{path} is not the published file; fetching it again")
    part = path.with_name(f"{path.name}.part")
    reasons, mismatch = {}, None
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


def _download_from(url, part, file_hash, verbose, timeout) -> None:
    """Brings the whole and right file into `part`."""
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
        # The beginning may have been another file's: once more from zero.
        if not was_resumed:
            break
    name = part.name.removesuffix(".part")
    raise HashMismatchError(
        f"{name} from {url} is not the file that was published, and was "
        f"removed. Expected: {dict(file_hash)}. Received: {received}. Its "
        "place may have been taken by another file or by an error page."
    )
