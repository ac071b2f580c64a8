"""Annotations in CVAT's own xml files, `annotations.xml`."""

import collections
import dataclasses
import html
import os
import pathlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.cvat_files import CVATImage
from keras_efficient.data.readers.cvat_files import class_names
from keras_efficient.data.readers.cvat_files import frames_of
from keras_efficient.data.readers.cvat_files import has_tracks
from keras_efficient.data.readers.cvat_files import images_of
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import find_file
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_finder import OUTSIDE
from keras_efficient.data.readers.image_finder import allowed_folders
from keras_efficient.data.readers.image_finder import expected_path
from keras_efficient.data.readers.image_finder import is_outside
from keras_efficient.data.readers.safe_xml import read_xml
from keras_efficient.data.readers.safe_xml import root_tag
from keras_efficient.data.records import shown_text

ROOT = "annotations"
# Name of the split of tasks that are not assigned to one.
NO_SUBSET = "default"
# Levels of subfolders with xml files.
DEPTH = 2
IMAGE_FOLDERS = ("images", "", "data", "JPEGImages")
# Bytes that are searched at once for names of splits.
CHUNK = 1 << 20
IMAGE = re.compile(rb"<image\s[^<>]*>")
SUBSET = re.compile(rb"""\ssubset\s*=\s*["']([^"']*)["']""")
KEY = re.compile(rb"<(image|track|meta)[\s>/]")
FRAME = re.compile(r"frame_(\d+)")
# Reasons in reports, each after a number.
NO_BOX = "objects without a box or a shape around which to put one"
TAGGED = "tags of whole images (not used)"
NO_SHAPE = "images without shapes"


@dataclasses.dataclass(frozen=True)
class CVATSplit:
    """Where a split is stored.

    Attributes:
        files: Paths of xml files.
        subset: The subset of the images to read, or `None` for all.
        root: Folder of the dataset.
    """

    files: tuple[pathlib.Path, ...]
    subset: str | None
    root: pathlib.Path


def find_splits(listing: FolderListing) -> Mapping[str | None, CVATSplit]:
    """Return the splits of a folder or of a file.

    A split is a file, or a subset of the images of a file, such as `"Train"`.
    """
    path, root = listing.source, listing.root
    files = [path] if listing.is_file else listing.files_to_depth(DEPTH, ".xml")
    found: dict[str | None, CVATSplit] = {}
    for file in filter(_is_cvat, files):
        own = file.relative_to(root).parts[:-1]
        if file.stem != ROOT and not listing.is_file:
            own = (*own, file.stem)
        subsets = _subsets(file)
        for subset in subsets:
            parts = [*own, *([] if subset in ("", NO_SUBSET) else [subset])]
            name = "/".join(dict.fromkeys(parts)) or None
            whole = None if len(subsets) == 1 else subset
            found[name] = CVATSplit((file,), whole, root)
    return found


def _is_cvat(path: pathlib.Path) -> bool:
    if root_tag(path) != ROOT:
        return False
    with open_file(path) as file:
        return KEY.search(file.read(CHUNK)) is not None


def _subsets(path: pathlib.Path) -> list[str]:
    """Names of the subsets of a file's images, `""` without one, sorted."""
    found = set()
    rest = b""
    with open_file(path) as file:
        while chunk := file.read(CHUNK):
            rest += chunk
            for image in IMAGE.findall(rest):
                match = SUBSET.search(image)
                name = match[1].decode("utf-8", "replace") if match else ""
                found.add(html.unescape(name))
            # The last element may continue in the next chunk, if it is not
            # longer than one.
            start = rest.rfind(b"<")
            rest = rest[start:][:CHUNK] if start >= 0 else b""
    return sorted(found) or [""]


def join_files(splits: Sequence[CVATSplit]) -> CVATSplit:
    """Merge several files into one split."""
    files = tuple(file for split in splits for file in split.files)
    return CVATSplit(files, None, splits[0].root)


def read(split: CVATSplit, options: ReadOptions) -> RawAnnotations:
    """Read xml files that CVAT exported "for images" or "for video".

    Rotated boxes, polygons, ellipses, cuboids and masks are replaced by the
    box around them. Lines, points and skeletons are not read: an image that
    has only such shapes is left out. Files with tracks of a video need the
    images of its frames, `images/frame_000000.png` and so on.

    Args:
        split: A `CVATSplit`.
        options: A `ReadOptions`. `images` defaults to `images/` beside the
            file, or the file's folder.

    Returns:
        A `RawAnnotations`; classes are in the order of the file's labels.

    Raises:
        FileNotFoundError: If the folder of the images does not exist.
        ValueError: If a file is not complete, or the frames of tracks are
            missing.
    """
    if options.images is not None and not options.images.is_dir():
        raise FileNotFoundError(f"No such folder of images: {options.images}")
    raw = empty_annotations("xyxy", LAYOUT.title, split.files)
    images: list[tuple[pathlib.Path, CVATImage]] = []
    names: dict[str, None] = {}
    for path in split.files:
        tree, _ = read_xml(path)
        if tree.tag != ROOT:
            raise ValueError(
                f"{path} must contain <{ROOT}>, as CVAT's files do. "
                f"Received: <{tree.tag}>"
            )
        own = _images_in(path, tree, split, options)
        names |= dict.fromkeys(class_names(tree))
        unknown = {name for image in own for name in image.names}
        names |= dict.fromkeys(sorted(unknown - set(names) - {""}))
        images += [(path, x) for x in own if split.subset in (None, x.subset)]
    raw.class_names = tuple(x for x in names if x)
    raw.category_ids = tuple(range(1, len(raw.class_names) + 1))
    _add_images(raw, images, split, options)
    return raw


def _images_in(
    path: pathlib.Path,
    tree: ElementTree.Element,
    split: CVATSplit,
    options: ReadOptions,
) -> list[CVATImage]:
    if not has_tracks(tree):
        return images_of(tree)
    folders = _folders(path, "", split, options)
    tasks = {track.get("task_id") for track in tree.iterfind("track")}
    files = _frames(options.listing, folders)
    if not files or len(tasks) > 1:
        cure = (
            "Export each task on its own"
            if len(tasks) > 1
            else "Export it again with the option to save images, or extract "
            f"the frames to {path.parent / 'images'} as frame_000000.png and "
            "so on"
        )
        raise ValueError(
            f"{path} contains tracks of a video, whose frames have numbers "
            f"and no names. {cure}; or export the task as 'CVAT for images'. "
            f"Received: {len(files)} images named frame_<number>, "
            f"{len(tasks)} tasks"
        )
    return frames_of(tree, files)


def _frames(
    listing: FolderListing, folders: Sequence[pathlib.Path]
) -> dict[int, pathlib.Path]:
    """Images named after the number of a frame, of the first such folder."""
    for folder in folders:
        found = {
            int(match[1]): path
            for path in listing.files(folder, EXTENSIONS)
            if (match := FRAME.fullmatch(path.stem))
        }
        if found:
            return found
    return {}


def _folders(
    path: pathlib.Path, subset: str, split: CVATSplit, options: ReadOptions
) -> list[pathlib.Path]:
    """Folders that may contain the images of a file, by precedence."""
    homes = dict.fromkeys([path.parent, split.root, path.parent.parent])
    bases = [home / name for home in homes for name in IMAGE_FOLDERS]
    if options.images is not None:
        bases = [options.images]
    inner = dict.fromkeys([subset, options.split or "", path.stem, ""])
    folders = dict.fromkeys(base / name for base in bases for name in inner)
    return [x for x in folders if os.path.isdir(x)] or bases


def _add_images(
    raw: RawAnnotations,
    images: Sequence[tuple[pathlib.Path, CVATImage]],
    split: CVATSplit,
    options: ReadOptions,
) -> None:
    label_of = {name: label for label, name in enumerate(raw.class_names)}
    counts = collections.Counter(image.name for _, image in images)
    lasts = collections.Counter(_last(image.name) for _, image in images)
    places = {
        (path, subset): _folders(path, subset, split, options)
        for path, subset in {(path, image.subset) for path, image in images}
    }
    for i, (path, image) in enumerate(images):
        folders = places[path, image.subset]
        within = allowed_folders(path, options)
        found = find_file(folders, image.name, within)
        if found is None and lasts[_last(image.name)] == 1:
            # The folders of a share are often not copied.
            found = find_file(folders, _last(image.name), within)
        where = f"{path}, {shown_text(image.name)}"
        if found is None and is_outside(image.name, folders, within):
            raw.dropped.append((OUTSIDE, where))
            continue
        raw.dropped += [(NO_BOX, f"{where}: {x}") for x in image.unread]
        # A tag with the class of boxes states an object without a box.
        states = [name for name in image.tags if name in label_of]
        if image.tags:
            tags = shown_text(", ".join(image.tags))
            raw.noted.append((TAGGED, f"{where}: {tags}"))
        is_unique = counts[image.name] == 1
        raw.images.append(
            RawImage(
                image=found or expected_path(folders[0], image.name, within),
                boxes=image.boxes,
                labels=[label_of.get(name, -1) for name in image.names],
                image_id=image.name if is_unique else f"{image.name} ({i})",
                size=image.size,
                where=where,
                num_unread=len(image.unread) + len(states),
                background=NO_SHAPE,
            )
        )


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


LAYOUT = Layout(
    name="cvat",
    title="CVAT xml",
    expected="annotations.xml with images/, as CVAT exports 'for images'",
    find_splits=find_splits,
    read=read,
    endings=(".xml",),
    source_endings=(".xml",),
    join_files=join_files,
    has_images_option=True,
)
