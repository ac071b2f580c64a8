"""Files, folders, patterns, videos and cameras on the command line."""

import dataclasses
import glob
import pathlib
from collections.abc import Sequence

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg")
STREAMS = ("rtsp://", "rtmp://", "http://", "https://")


@dataclasses.dataclass(frozen=True)
class Source:
    """One image, video or camera.

    Attributes:
        path: Path of the file, number of the camera or URL of the stream.
        name: Unique path of the results below their folder, without a file
            name extension.
        kind: `"image"`, `"video"` or `"camera"`.
    """

    path: pathlib.Path | int | str
    name: str
    kind: str


def expand(words: Sequence[str]) -> list[Source]:
    """Return the sources named by words such as `a.jpg`, `photos/`, `*.png`.

    Args:
        words: Images, videos, folders (searched at any depth), patterns with
            `*` and `**`, numbers of cameras, or URLs of streams.

    Returns:
        A list of `Source`, each file once.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file is neither an image nor a video, or a folder or
            pattern contains neither.
    """
    found: dict[pathlib.Path | int | str, Source] = {}
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
        known = [file for file in _files_below(path) if _kind(file)]
        return _some(known, word, lambda file: file.relative_to(path))
    if path.is_file():
        if not _kind(path):
            raise ValueError(
                f"{path} has neither an extension of images "
                f"{_files().EXTENSIONS} nor of videos {VIDEO_EXTENSIONS}."
            )
        return [_source(path, pathlib.Path(path.name))]
    if glob.has_magic(word):
        matches = map(pathlib.Path, sorted(glob.glob(word, recursive=True)))
        known = [file for file in matches if file.is_file() and _kind(file)]
        return _some(known, word, lambda file: pathlib.Path(file.name))
    raise FileNotFoundError(f"File or folder not found: {word}")


def _some(files, word, name):
    if not files:
        raise ValueError(
            f"No images {_files().EXTENSIONS} or videos {VIDEO_EXTENSIONS} "
            f"found in {word}"
        )
    return [_source(file, name(file)) for file in files]


def _source(path, name):
    return Source(path, name.with_suffix("").as_posix(), _kind(path))


def _kind(path):
    if _files().is_image(path):
        return "image"
    return "video" if path.suffix.lower() in VIDEO_EXTENSIONS else None


def _files():
    """Return the module that knows image files; it imports Keras."""
    from keras_efficient.data.readers import files

    return files


def _files_below(path):
    """Return the files of a folder; the import loads Keras."""
    from keras_efficient.data.readers.folder_listing import FolderListing

    return FolderListing(path).files_below(path)
