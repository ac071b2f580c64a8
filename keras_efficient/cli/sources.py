"""Files, folders, patterns, videos and cameras, as they are typed."""

import dataclasses
import glob
import pathlib
from collections.abc import Sequence

from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import files_below
from keras_efficient.data.readers.files import is_image

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg")
STREAMS = ("rtsp://", "rtmp://", "http://", "https://")


@dataclasses.dataclass(frozen=True)
class Source:
    """One image, video or camera.

    Attributes:
        path: Path of the file; number of the camera; address of the stream.
        name: Path, below a folder for results, of what is found in it;
            without ending, and like no other's.
        kind: `"image"`, `"video"` or `"camera"`.
    """

    path: pathlib.Path | int | str
    name: str
    kind: str


def expand(words: Sequence[str]) -> list[Source]:
    """What is meant by words such as `a.jpg`, `photos/`, `*.png`, `0`.

    Args:
        words: Images, videos, folders, of which images and videos are taken
            at any depth, patterns with `**`, numbers of cameras, or addresses
            of streams.

    Returns:
        A list of `Source`, each file once.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is of no known kind, or a folder or pattern has
            none.
    """
    found = {}
    for word in words:
        for source in _expand(word):
            found.setdefault(source.path, source)
    taken: dict[str, int] = {}
    unique = []
    for source in found.values():
        taken[source.name] = number = taken.get(source.name, 0) + 1
        name = source.name if number == 1 else f"{source.name}-{number}"
        unique.append(dataclasses.replace(source, name=name))
    return unique


def _expand(word):
    if word.isdecimal():
        return [Source(int(word), f"camera{word}", "camera")]
    if word.startswith(STREAMS):
        return [Source(word, "stream", "camera")]
    path = pathlib.Path(word)
    if path.is_dir():
        files = [pathlib.Path(file) for file in files_below(path)]
        known = [file for file in files if _kind(file)]
        return _some(known, word, lambda file: file.relative_to(path))
    if path.is_file():
        if not _kind(path):
            raise ValueError(
                f"{path} is no image {EXTENSIONS} and no video "
                f"{VIDEO_EXTENSIONS}, by its ending."
            )
        return [_source(path, pathlib.Path(path.name))]
    if glob.has_magic(word):
        matches = map(pathlib.Path, sorted(glob.glob(word, recursive=True)))
        known = [file for file in matches if file.is_file() and _kind(file)]
        return _some(known, word, lambda file: pathlib.Path(file.name))
    raise FileNotFoundError(f"There is no file or folder {word}")


def _some(files, word, name):
    if not files:
        raise ValueError(
            f"There are no images {EXTENSIONS} and no videos "
            f"{VIDEO_EXTENSIONS} in {word}"
        )
    return [_source(file, name(file)) for file in files]


def _source(path, name):
    return Source(path, name.with_suffix("").as_posix(), _kind(path))


def _kind(path):
    if is_image(path):
        return "image"
    return "video" if path.suffix.lower() in VIDEO_EXTENSIONS else None
