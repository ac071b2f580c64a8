"""Annotations in the JSON and JSON_MIN exports of Label Studio."""

import collections
import dataclasses
import pathlib
import re
import urllib.parse
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.files import normalize_name
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.files import read_text
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_names import num_equal_at_end
from keras_efficient.data.readers.json_files import parse_json
from keras_efficient.data.readers.label_studio_results import NOT_ANNOTATED
from keras_efficient.data.readers.label_studio_results import SEVERAL_ANNOTATORS
from keras_efficient.data.readers.label_studio_results import Task
from keras_efficient.data.readers.label_studio_results import read_tasks
from keras_efficient.data.readers.upload_names import upload_name
from keras_efficient.data.readers.upload_names import without_upload_prefix

# Reasons in reports, each after a number.
NO_IMAGE_FIELD = "tasks without one field with the path of an image"
SEVERAL_FILES = "tasks whose image may be one of several files"

# Bytes of a file in which the words of an export are searched for.
HEAD = 1 << 16
WORDS = re.compile(
    rb'"(annotations|completions|annotation_id|was_cancelled'
    rb'|(rectangle|polygon|ellipse|brush|keypoint)labels)"\s*:'
)
IMAGE_FIELDS = ("image", "img", "image_url", "url", "picture", "photo")
# Folders of annotation files, beside which the images are.
ANNOTATION_WORDS = ("annot", "label", "export", "json")


@dataclasses.dataclass(frozen=True)
class LabelStudioSplit:
    """Where a split is stored.

    Attributes:
        files: The exports.
        folders: Folders with the images.
        all_files: Exports of all splits, whose classes are numbered together.
    """

    files: tuple[pathlib.Path, ...]
    folders: tuple[pathlib.Path, ...]
    all_files: tuple[pathlib.Path, ...]


def find_splits(
    listing: FolderListing,
) -> Mapping[str | None, LabelStudioSplit]:
    """Return the exports of a folder, by name if there are several."""
    path = listing.source
    if listing.is_file:
        files = [path]
        folders = [path.parent]
        name = path.parent.name.lower()
        if any(word in name for word in ANNOTATION_WORDS):
            folders.append(path.parent.parent)
    else:
        files, folders = listing.files_to_depth(1, ".json"), [path]
    files = [file for file in files if _is_export(file)]
    stems = collections.Counter(file.stem for file in files)
    found: dict[str | None, LabelStudioSplit] = {}
    for file in files:
        # `train/result.json` and `val/result.json`, or `train.json`.
        name = file.parent.name if stems[file.stem] > 1 else file.stem
        key = None if len(files) == 1 else name
        near = [file.parent] if file.parent not in folders else []
        places = (*near, *folders)
        found[key] = LabelStudioSplit((file,), places, tuple(files))
    return found


def _is_export(path: pathlib.Path) -> bool:
    """Whether a file begins like an export, a list of objects."""
    with open_file(path) as file:
        head = file.read(HEAD)
    is_list = re.match(rb"(\xef\xbb\xbf)?\s*\[\s*\{", head) is not None
    return is_list and WORDS.search(head) is not None


def join_splits(splits: Sequence[LabelStudioSplit]) -> LabelStudioSplit:
    """Return one split with the files of several."""
    files = tuple(file for split in splits for file in split.files)
    folders = dict.fromkeys(x for split in splits for x in split.folders)
    return LabelStudioSplit(files, tuple(folders), files)


def read(split: LabelStudioSplit, options: ReadOptions) -> RawAnnotations:
    """Read exports of Label Studio.

    Rectangles, polygons and ellipses are read, as the box that encloses them;
    other regions, such as brushes and keypoints, are not. Tasks that nobody
    annotated, or that were skipped, are left out. If several people annotated
    a task, the ground truth is used, or else the first annotation.

    Args:
        split: A `LabelStudioSplit`.
        options: A `ReadOptions`. `images` is the folder of the images, which
            otherwise are searched for below the folder of the file.

    Returns:
        A `RawAnnotations`; classes are sorted by name.

    Raises:
        ValueError: If a file is not an export of Label Studio.
    """
    raw = empty_annotations("rel_xyxy", LAYOUT.title, split.files)
    content = {file: _load(file) for file in (*split.files, *split.all_files)}
    labels = {
        region.label
        for tasks in content.values()
        for task in tasks
        for region in task.regions or ()
    }
    raw.class_names = tuple(sorted(labels - {""}))
    raw.category_ids = tuple(range(1, len(raw.class_names) + 1))
    folders = split.folders if options.images is None else (options.images,)
    lookup = _Images(options.listing, folders)
    ids = collections.Counter(
        task.task_id for file in split.files for task in content[file]
    )
    for file in split.files:
        for i, task in enumerate(content[file]):
            is_unique = task.task_id is not None and ids[task.task_id] == 1
            name = task.task_id if is_unique else f"{file.stem}/{i}"
            where = f"{file}, task {task.task_id if is_unique else i}"
            _add_task(task, where, name or 0, lookup, raw)
    return raw


def _load(path: pathlib.Path) -> list[Task]:
    content = parse_json(read_text(path), path)
    if not isinstance(content, list):
        raise ValueError(
            f"{path} must contain a list of tasks, as the exports JSON and "
            f"JSON_MIN of Label Studio do. Received: {type(content).__name__}"
        )
    return list(read_tasks(content))


def _add_task(
    task: Task,
    where: str,
    image_id: int | str,
    lookup: "_Images",
    raw: RawAnnotations,
) -> None:
    stated = _image_of(task)
    if stated is None:
        raw.dropped.append((NO_IMAGE_FIELD, where))
        return
    if task.regions is None:
        raw.dropped.append((NOT_ANNOTATED, f"{where}: {stated}"))
        return
    found = lookup.find(stated)
    if len(found) > 1:
        raw.dropped.append((SEVERAL_FILES, f"{where}: {stated}"))
        return
    if task.num_annotations > 1:
        raw.noted.append((SEVERAL_ANNOTATORS, where))
    index = {name: i for i, name in enumerate(raw.class_names)}
    notes, boxes, labels = set(), [], []
    for region in task.regions:
        if region.box is None:
            raw.dropped.append((region.note, where))
        else:
            notes.add(region.note)
            boxes.append(region.box)
            labels.append(index.get(region.label, -1))
    raw.noted += [(note, where) for note in sorted(notes - {""})]
    raw.images.append(
        RawImage(
            image=found[0],
            boxes=boxes,
            labels=labels,
            image_id=image_id,
            size=task.size,
            where=where,
            num_unread=len(task.regions) - len(boxes),
        )
    )


def _image_of(task: Task) -> str | None:
    """The field with the path of the annotated image."""
    fields = {
        name: value
        for name, value in task.data.items()
        if isinstance(value, str) and is_image(_path_in(value))
    }
    named = [fields[x] for x in (*task.to_names, *IMAGE_FIELDS) if x in fields]
    if len(fields) == 1:
        return next(iter(fields.values()))
    return named[0] if named else None


def _path_in(stated: str) -> str:
    """The decoded path in a URL, such as `/data/local-files/?d=<path>`."""
    if re.match(r"^[A-Za-z]:[\\/]", stated):
        return stated.replace("\\", "/")
    try:
        parts = urllib.parse.urlsplit(stated)
    except ValueError:  # such as "http://[": not an address
        return stated.replace("\\", "/")
    query = urllib.parse.parse_qs(parts.query)
    if "d" in query:
        return query["d"][0].replace("\\", "/")
    path = stated if not (parts.scheme or parts.query) else parts.path
    return urllib.parse.unquote(path).replace("\\", "/")


class _Images:
    """Images below some folders, by name."""

    def __init__(
        self, listing: FolderListing, folders: Iterable[pathlib.Path]
    ) -> None:
        self._folders = list(folders)
        paths = dict.fromkeys(
            x for y in self._folders for x in listing.files_below(y)
        )
        self._by_name: dict[str, list[pathlib.Path]] = {}
        for path in filter(is_image, paths):
            self._by_name.setdefault(normalize_name(path.name), []).append(path)
        self._by_upload: dict[str, list[pathlib.Path]] = {}
        for name, found in self._by_name.items():
            upload = normalize_name(upload_name(name.strip()))
            self._by_upload.setdefault(upload, found)

    def find(self, stated: str) -> list[pathlib.Path]:
        """Return the files that an export may mean, at least one path."""
        path = pathlib.PurePosixPath(_path_in(stated))
        raw = stated.replace("\\", "/").rpartition("/")[2]
        names = [path.name, raw, without_upload_prefix(path.name)]
        for name in names:
            found = self._by_name.get(normalize_name(name), [])
            if found:
                return _with_longest_tail(found, path)
        # Label Studio changes some characters of the names of uploads.
        found = self._by_upload.get(normalize_name(names[-1]), [])
        return found or [self._folders[0] / path.name]


def _with_longest_tail(
    found: Sequence[pathlib.Path], stated: pathlib.PurePosixPath
) -> list[pathlib.Path]:
    """The files that share most of the last folders with a stated path."""
    folders = [*map(normalize_name, stated.parent.parts)]
    counts = [
        num_equal_at_end(map(normalize_name, path.parent.parts), folders)
        for path in found
    ]
    best = max(counts)
    return [x for x, count in zip(found, counts, strict=True) if count == best]


LAYOUT = Layout(
    name="label_studio",
    title="Label Studio JSON",
    expected="an export in the form JSON or JSON_MIN, beside the images or "
    "above their folder",
    find_splits=find_splits,
    read=read,
    endings=(".json",),
    source_endings=(".json",),
    join_files=join_splits,
    has_images_option=True,
)
