"""Reading of annotation files of which each belongs to one image."""

import collections
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.paired_files import AnnotationFile
from keras_efficient.data.readers.paired_files import FileKind
from keras_efficient.data.readers.paired_folders import ListedFiles
from keras_efficient.data.readers.paired_folders import PairedSplit
from keras_efficient.data.readers.paired_folders import files_in
from keras_efficient.data.readers.paired_images import PairedImageFinder

# Reasons in reports, each after a number.
NO_OBJECT = "images with {} that states no object"
NO_FILE = "images without {}"
NO_BOX = "objects without a box or a shape around which to put one"
BROKEN = "{} files that cannot be read"
OTHER_KIND = "{} files that are not in the form of {} (not used)"
SEVERAL_IMAGES = "{} files that several different images fit"
OTHER_IMAGE = "{} files that name another image (not used, the name differs)"
OTHER_ENDING = (
    "images beside an annotated one of the same name and another ending (not "
    "used)"
)
ENCODING = "files that are not in the encoding they declare (read as {})"
EMBEDDED = "missing images that were read from the annotation file"

Contents: TypeAlias = Mapping[pathlib.Path, AnnotationFile]


def read_paired(
    kind: FileKind, split: PairedSplit, options: ReadOptions
) -> RawAnnotations:
    """Read the annotation files of a split, and find their images.

    An image belongs to the file of the same name, regardless of the name
    inside, which only counts if there is no image of the file's name, or if
    there are several.

    Args:
        kind: A `FileKind`.
        split: A `PairedSplit`.
        options: A `ReadOptions`. `images` defaults to all folders of the
            dataset.

    Returns:
        A `RawAnnotations`; classes are sorted by name.

    Raises:
        FileNotFoundError: If the folder of the images does not exist.
    """
    if options.images is not None and not options.images.is_dir():
        raise FileNotFoundError(f"No such folder of images: {options.images}")
    raw = empty_annotations(
        "xyxy", kind.title, split.list_file or _source(split)
    )
    all_files = files_in(options.listing, split.all_folders, kind)
    files = _files_of(kind, split, all_files, raw)
    contents = _read_files(kind, files, raw)
    classes = _class_names(kind, contents, all_files)
    raw.class_names = tuple(classes)
    raw.category_ids = tuple(range(1, len(classes) + 1))
    finder = PairedImageFinder(options.listing, all_files, options.images)
    _add_images(raw, kind, split.root, files, contents, finder)
    if split.list_file is None:
        _report_other_images(raw, kind, split, finder)
    return raw


def _source(split: PairedSplit) -> pathlib.Path:
    return split.folders[0] if len(split.folders) == 1 else split.root


def _files_of(
    kind: FileKind,
    split: PairedSplit,
    all_files: Sequence[pathlib.Path],
    raw: RawAnnotations,
) -> list[pathlib.Path]:
    """The files of a split; the list may name one several times."""
    folders = set(split.folders)
    files = [path for path in all_files if path.parent in folders]
    if split.list_file is None:
        return files
    listed = ListedFiles(files, split.root)
    found, missing = listed.read(split.list_file)
    reason = NO_FILE.format(kind.a_file)
    raw.dropped += [(reason, f"{split.list_file}: {name}") for name in missing]
    return found


def _read_files(
    kind: FileKind, files: Iterable[pathlib.Path], raw: RawAnnotations
) -> dict[pathlib.Path, AnnotationFile]:
    contents = {}
    ending = kind.ending[1:]
    for path in dict.fromkeys(files):
        try:
            content = kind.read(path)
        except ValueError as e:
            raw.dropped.append((BROKEN.format(ending), str(e)))
            continue
        if content is None:
            reason = OTHER_KIND.format(ending, kind.title)
            raw.noted.append((reason, str(path)))
            continue
        contents[path] = content
        if content.encoding is not None:
            reason = ENCODING.format(content.encoding)
            raw.repaired.append((reason, str(path)))
    return contents


def _class_names(
    kind: FileKind, contents: Contents, all_files: Iterable[pathlib.Path]
) -> list[str]:
    """Sorted names of the classes of all splits."""
    names = {name for content in contents.values() for name in content.names}
    for path in all_files:
        if path not in contents:
            try:
                content = kind.read(path)
            except ValueError:  # reported when its split is read
                continue
            names.update(content.names if content is not None else ())
    return sorted(names - {""})


def _add_images(
    raw: RawAnnotations,
    kind: FileKind,
    root: pathlib.Path,
    files: Sequence[pathlib.Path],
    contents: Contents,
    finder: PairedImageFinder,
) -> None:
    label_of = {name: label for label, name in enumerate(raw.class_names)}
    counts = collections.Counter(path.stem for path in contents)
    ending = kind.ending[1:]
    for path in filter(contents.__contains__, files):
        content = contents[path]
        found, is_clear = finder.find(path, content)
        if not is_clear:
            where = f"{path}: {content.image_name!r}, such as {found}"
            raw.dropped.append((SEVERAL_IMAGES.format(ending), where))
            continue
        if found is not None and finder.other_image(content, found):
            where = f"{path}: names {content.image_name!r}, used {found.name!r}"
            raw.noted.append((OTHER_IMAGE.format(ending), where))
        image = found or _embedded(kind, path, content, raw)
        full_name = path.relative_to(root).with_suffix("").as_posix()
        raw.dropped += [(NO_BOX, f"{path}: {x}") for x in content.unread]
        raw.images.append(
            RawImage(
                image=finder.expected(path, content)
                if image is None
                else image,
                boxes=content.boxes,
                labels=[label_of.get(name, -1) for name in content.names],
                image_id=path.stem if counts[path.stem] == 1 else full_name,
                size=content.size,
                where=str(path),
                num_unread=len(content.unread),
                background=NO_OBJECT.format(kind.a_file),
            )
        )


def _embedded(
    kind: FileKind,
    path: pathlib.Path,
    content: AnnotationFile,
    raw: RawAnnotations,
) -> np.ndarray | None:
    """The image in the annotation file itself, `None` if there is none."""
    if kind.read_image is None or not content.has_image:
        return None
    try:
        image = kind.read_image(path)
    except ValueError:  # reported as missing
        return None
    raw.repaired.append((EMBEDDED, str(path)))
    return image


def _report_other_images(
    raw: RawAnnotations,
    kind: FileKind,
    split: PairedSplit,
    finder: PairedImageFinder,
) -> None:
    """Report images without a file: they were not annotated."""
    used = {x.image for x in raw.images if isinstance(x.image, pathlib.Path)}
    missing, beside = finder.without_file(split.folders, used)
    reason = NO_FILE.format(kind.a_file)
    raw.dropped += [(reason, str(path)) for path in missing]
    raw.noted += [(OTHER_ENDING, str(path)) for path in beside]
