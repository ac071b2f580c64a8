"""Annotations in the csv files of Open Images."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.class_names import distinct_names
from keras_efficient.data.readers.csv_tables import INCOMPLETE
from keras_efficient.data.readers.csv_tables import Table
from keras_efficient.data.readers.csv_tables import find_tables
from keras_efficient.data.readers.csv_tables import open_table
from keras_efficient.data.readers.csv_tables import split_of
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_finder import finder_beside
from keras_efficient.data.records import shown_text

EDGES = ("xmin", "ymin", "xmax", "ymax")
COLUMNS = {name: (name,) for name in ("imageid", "labelname", *EDGES)}
GROUP_COLUMN = {"isgroupof": ("isgroupof",)}
PLAIN_NAMES = ("detections", "boxes", "labels", "annotations", "csv_folder", "")
# Names of classes such as "/m/0jbk".
LABEL = re.compile(r"^/[a-z]/[\w-]+$")
DESCRIPTION_FILES = ("class-descriptions", "class_descriptions", "classes")
FILE_NAME = re.compile(
    r"^(?:oidv\d+-|challenge-\d+-)?(\w+)-(?:annotations|detection)-"
    r"(?:human-)?b?box(?:-expanded)?$"
)

NOT_HERE = "files that list images that are missing (not used)"
NO_DESCRIPTION = "classes without a description (LabelName used)"


@dataclasses.dataclass(frozen=True)
class OpenImagesSplit:
    """The csv files of a split.

    Attributes:
        tables: The files.
        all_tables: Files of all splits, whose classes count if there is no
            file of descriptions.
        roots: Folders that may contain the descriptions of the classes.
    """

    tables: tuple[Table, ...]
    all_tables: tuple[Table, ...]
    roots: tuple[pathlib.Path, ...]


def find_splits(
    listing: FolderListing,
) -> Mapping[str | None, OpenImagesSplit]:
    """Return the csv files of a folder by split, or the file itself."""
    tables = [x for x in find_tables(listing) if x.columns(COLUMNS) is not None]
    found: dict[str | None, OpenImagesSplit] = {}
    for table in tables:
        match = FILE_NAME.match(table.path.stem.lower())
        split = match[1] if match else None
        if split is None:
            split = split_of(listing.source, table.path, PLAIN_NAMES, ())
        place = table.path.parent
        folders = (listing.root, place, place.parent)
        roots = dict.fromkeys(
            folder / name for folder in folders for name in ("", "metadata")
        )
        found.setdefault(
            None if listing.is_file else split,
            OpenImagesSplit((table,), tuple(tables), tuple(roots)),
        )
    return found


def read(split: OpenImagesSplit, options: ReadOptions) -> RawAnnotations:
    """Read the csv files of a split.

    Images of which there is no file are not used, since most users download
    only some. `IsGroupOf` marks crowds.

    Args:
        split: An `OpenImagesSplit`.
        options: A `ReadOptions`. `images` defaults to the usual places; see
            `image_finder.finder_beside`.

    Returns:
        A `RawAnnotations`. Classes are those of the file of descriptions, in
        its order, or else those of all splits, sorted.
    """
    paths = [table.path for table in split.tables]
    raw = empty_annotations("rel_xyxy", LAYOUT.title, paths)
    described = _descriptions(options.listing, split.roots)
    labels = list(described)
    if not described:
        tables = dict.fromkeys((*split.tables, *split.all_tables))
        used = {row.name for table in tables for row in _rows(table, [])}
        labels = sorted(used)
        raw.noted += [(NO_DESCRIPTION, name) for name in labels]
    shown = [described.get(label, label) for label in labels]
    raw.class_names = distinct_names(shown, labels)
    raw.category_ids = tuple(range(1, len(labels) + 1))
    label_of = {label: i for i, label in enumerate(labels)}
    for table in split.tables:
        _add_images(raw, table, label_of, options)
    return raw


@dataclasses.dataclass(frozen=True)
class _Row:
    line: int
    image: str
    name: str
    box: list[float]
    is_group: bool


def _add_images(
    raw: RawAnnotations,
    table: Table,
    label_of: Mapping[str, int],
    options: ReadOptions,
) -> None:
    by_image: dict[str, list[_Row]] = {}
    for row in _rows(table, raw.dropped):
        by_image.setdefault(row.image, []).append(row)
    finder = finder_beside(
        table.path,
        options,
        [options.split] if options.split else [],
        map(_file_name, by_image),
    )
    missing = []
    for image_id, rows in by_image.items():
        name = shown_text(image_id)
        where = f"{table.path}, line {rows[0].line}, {name}"
        file = finder.find_or_drop(_file_name(image_id), where, raw.dropped)
        if file is None:
            continue
        if not os.path.isfile(file):
            missing.append(image_id)
            continue
        raw.images.append(
            RawImage(
                image=file,
                boxes=[row.box for row in rows],
                labels=[label_of.get(row.name, -1) for row in rows],
                image_id=image_id,
                is_crowd=[row.is_group for row in rows],
                where=where,
            )
        )
    if missing:
        place = f"{table.path}: {len(missing)} of {len(by_image)} images"
        first = shown_text(missing[0])
        raw.noted.append((NOT_HERE, f"{place}, such as {first}"))


def _file_name(image_id: str) -> str:
    return image_id if "." in image_id else f"{image_id}.jpg"


def _rows(table: Table, dropped: list[tuple[str, str]]) -> Iterator[_Row]:
    columns = table.columns(COLUMNS) or {}
    group = (table.columns(GROUP_COLUMN) or {}).get("isgroupof")
    last = max(columns.values())
    for i, (line, cells) in enumerate(table.rows()):
        if i == 0:
            continue
        if len(cells) <= last or not cells[columns["imageid"]]:
            dropped.append((INCOMPLETE, f"{table.path}, line {line}"))
            continue
        is_group = False
        if group is not None and group < len(cells):
            is_group = cells[group].lower() in ("1", "true")
        yield _Row(
            line,
            cells[columns["imageid"]],
            cells[columns["labelname"]],
            [number_or_nan(cells[columns[edge]]) for edge in EDGES],
            is_group,
        )


def _descriptions(
    listing: FolderListing, folders: Iterable[pathlib.Path]
) -> dict[str, str]:
    """Names of the classes by label, of the first file that has them."""
    for folder in folders:
        for path in listing.files(folder, ".csv"):
            table = open_table(path)
            if table is None or len(table.header) != 2:
                continue
            rows = [cells for _, cells in table.rows() if len(cells) == 2]
            if table.header == ("labelname", "displayname"):
                rows = rows[1:]
            is_named = path.stem.lower().startswith(DESCRIPTION_FILES)
            if rows and (is_named or all(LABEL.match(x) for x, _ in rows)):
                return {label: name for label, name in rows}
    return {}


def join_files(splits: Sequence[OpenImagesSplit]) -> OpenImagesSplit:
    """Merge the files of several splits into one."""
    tables = tuple(x for split in splits for x in split.tables)
    roots = tuple(x for split in splits for x in split.roots)
    return OpenImagesSplit(tables, tables, roots)


LAYOUT = Layout(
    name="open_images",
    title="Open Images csv",
    expected="<split>-annotations-bbox.csv with class-descriptions*.csv, or "
    "<split>/labels/detections.csv with <split>/data/",
    find_splits=find_splits,
    read=read,
    endings=(".csv",),
    source_endings=(".csv",),
    join_files=join_files,
    has_images_option=True,
)
