"""Boxes in csv files of TensorFlow's tools, Roboflow and Google's AutoML."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.annotations import number_or_nan
from keras_efficient.data.readers.annotations import stated_size
from keras_efficient.data.readers.csv_tables import INCOMPLETE
from keras_efficient.data.readers.csv_tables import Table
from keras_efficient.data.readers.csv_tables import find_tables
from keras_efficient.data.readers.csv_tables import split_of
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_finder import finder_beside
from keras_efficient.data.records import shown_text

COLUMNS = {
    "file": (
        "filename", "file_name", "file", "image", "image_path", "image_name",
        "path", "img",
    ),
    "class": ("class", "label", "class_name", "category", "name", "label_name"),
    "xmin": ("xmin", "x_min", "x1", "left"),
    "ymin": ("ymin", "y_min", "y1", "top"),
    "xmax": ("xmax", "x_max", "x2", "right"),
    "ymax": ("ymax", "y_max", "y2", "bottom"),
}  # fmt: skip
EDGES = ("xmin", "ymin", "xmax", "ymax")
SIZE_COLUMNS = {
    "height": ("height", "img_height", "image_height"),
    "width": ("width", "img_width", "image_width"),
}
PLAIN_NAMES = ("annotations", "annotation", "labels", "data", "boxes", "csv")
AFFIXES = ("_annotations", "_labels", "-labels", "labels_", "annotations_")
# What the first column of AutoML's files states, as names of splits.
AUTOML_SPLITS = {
    "train": "train", "training": "train", "validate": "val",
    "validation": "val", "test": "test", "unassigned": "unassigned",
}  # fmt: skip
# Cells of a row of AutoML: split, path, class and four corners.
AUTOML_CELLS = 11
IMAGE_CELL = re.compile(r"\.(jpe?g|png|bmp|gif|webp|tiff?)$", re.IGNORECASE)

NO_CLASS = "rows with a box and no class"


@dataclasses.dataclass(frozen=True)
class CSVSplit:
    """The csv files of a split.

    Attributes:
        tables: The files.
        part: Split that the first column of AutoML's files states, or `None`.
        all_tables: Files of all splits. All of their classes count, so that
            the splits have the same labels.
    """

    tables: tuple[Table, ...]
    part: str | None = None
    all_tables: tuple[Table, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Row:
    """A row: one box, or an image without boxes if there is no class."""

    line: int
    file: str
    name: str
    box: list[float] | None
    size: tuple[int, int] | None = None
    part: str | None = None


def find_splits(listing: FolderListing) -> Mapping[str | None, CSVSplit]:
    """Return the csv files of a folder by split, or the file itself."""
    tables = [x for x in find_tables(listing) if _is_automl(x) or _is_boxes(x)]
    found: dict[str | None, CSVSplit] = {}
    for table in tables:
        split = split_of(listing.source, table.path, PLAIN_NAMES, AFFIXES)
        if not _is_automl(table):
            found.setdefault(split, CSVSplit((table,), None, tuple(tables)))
            continue
        parts = dict.fromkeys(row.part for row in _rows(table, []))
        for part in parts:
            found.setdefault(part, CSVSplit((table,), part, tuple(tables)))
    return found


def _is_boxes(table: Table) -> bool:
    return table.columns(COLUMNS) is not None or _is_retinanet(table.header)


def _is_retinanet(cells: Sequence[str]) -> bool:
    """Whether a row is `<path>,<xmin>,<ymin>,<xmax>,<ymax>,<class>`."""
    return (
        len(cells) == 6
        and IMAGE_CELL.search(cells[0]) is not None
        and (not any(cells[1:]) or _are_numbers(cells[1:5]))
    )


def _is_automl(table: Table) -> bool:
    cells = table.header
    return (
        len(cells) in (2, 3, AUTOML_CELLS)
        and cells[0] in AUTOML_SPLITS
        and IMAGE_CELL.search(cells[1]) is not None
    )


def _are_numbers(cells: Sequence[str]) -> bool:
    numbers = [number_or_nan(cell) for cell in cells]
    return all(x == x for x in numbers)


def read(split: CSVSplit, options: ReadOptions) -> RawAnnotations:
    """Read the csv files of a split.

    Args:
        split: A `CSVSplit`.
        options: A `ReadOptions`. `images` defaults to the usual places; see
            `image_finder.finder_beside`.

    Returns:
        A `RawAnnotations`; classes are sorted by name.

    Raises:
        ValueError: If files with boxes in pixels and relative ones are mixed.
    """
    is_relative = {_is_automl(table) for table in split.tables}
    paths = ", ".join(str(table.path) for table in split.tables)
    if len(is_relative) > 1:
        raise ValueError(
            f"Files with boxes in pixels and files of AutoML, whose boxes are "
            f"fractions, cannot be read together. Received: {paths}"
        )
    raw = empty_annotations(
        "rel_xyxy" if is_relative == {True} else "xyxy", LAYOUT.title, paths
    )
    names = {
        row.name
        for table in dict.fromkeys((*split.tables, *split.all_tables))
        for row in _rows(table, [])
        if row.box is not None
    }
    raw.class_names = tuple(sorted(names - {""}))
    raw.category_ids = tuple(range(1, len(raw.class_names) + 1))
    for table in split.tables:
        rows = [
            row
            for row in _rows(table, raw.dropped)
            if split.part in (None, row.part)
        ]
        _add_images(raw, table.path, rows, options)
    return raw


def _add_images(
    raw: RawAnnotations,
    path: pathlib.Path,
    rows: Sequence[_Row],
    options: ReadOptions,
) -> None:
    stem = path.stem
    for affix in AFFIXES:
        stem = stem.removesuffix(affix).removeprefix(affix)
    splits = [name for name in (options.split, stem) if name]
    by_file: dict[str, list[_Row]] = {}
    for row in rows:
        by_file.setdefault(row.file, []).append(row)
    finder = finder_beside(path, options, splits, by_file)
    label_of = {name: label for label, name in enumerate(raw.class_names)}
    for name, own in by_file.items():
        where = f"{path}, line {own[0].line}, {shown_text(name)}"
        file = finder.find_or_drop(name, where, raw.dropped)
        if file is None:
            continue
        stated = [row for row in own if row.box is not None]
        unnamed = [row for row in stated if not row.name]
        raw.dropped += [
            (NO_CLASS, f"{path}, line {row.line}") for row in unnamed
        ]
        named = [row for row in stated if row.name]
        raw.images.append(
            RawImage(
                image=file,
                boxes=[row.box for row in named],
                labels=[label_of[row.name] for row in named],
                image_id=name,
                size=own[0].size,
                where=where,
                num_unread=len(unnamed),
            )
        )


def _rows(table: Table, dropped: list[tuple[str, str]]) -> Iterator[_Row]:
    """The rows of a table; the incomplete ones are added to `dropped`."""
    columns = table.columns(COLUMNS)
    sizes = table.columns(SIZE_COLUMNS)
    is_automl = columns is None and _is_automl(table)
    for i, (line, cells) in enumerate(table.rows()):
        row = None
        if columns is not None:
            if i == 0:
                continue
            row = _row_of(line, cells, columns, sizes)
        elif is_automl:
            row = _automl_row(line, cells)
        elif len(cells) == 6:
            box = [number_or_nan(x) for x in cells[1:5]] if cells[5] else None
            row = _Row(line, cells[0], cells[5], box)
        if row is None or not row.file:
            text = shown_text(table.delimiter.join(cells))
            dropped.append((INCOMPLETE, f"{table.path}, line {line}: {text}"))
        else:
            yield row


def _row_of(
    line: int,
    cells: Sequence[str],
    columns: Mapping[str, int],
    sizes: Mapping[str, int] | None,
) -> _Row | None:
    if len(cells) <= max(columns.values()):
        return None
    edges = [cells[columns[edge]] for edge in EDGES]
    name, box = cells[columns["class"]], None
    if name or any(edges):
        box = [number_or_nan(edge) for edge in edges]
    size = None
    if sizes is not None and len(cells) > max(sizes.values()):
        size = stated_size(*(cells[sizes[x]] for x in ("height", "width")))
    return _Row(line, cells[columns["file"]], name, box, size)


def _automl_row(line: int, cells: Sequence[str]) -> _Row | None:
    """A row of AutoML, whose unused corners may be empty."""
    part = AUTOML_SPLITS.get(cells[0].lower())
    if part is None or len(cells) < 2:
        return None
    name = cells[2] if len(cells) > 2 else ""
    xs = [number_or_nan(x) for x in cells[3:AUTOML_CELLS:2] if x]
    ys = [number_or_nan(x) for x in cells[4:AUTOML_CELLS:2] if x]
    box = None
    if name and (not xs or not ys):  # a class of the image, without a box
        return None
    if xs and ys:
        box = [min(xs), min(ys), max(xs), max(ys)]
    return _Row(line, cells[1], name, box, None, part)


def join_files(splits: Sequence[CSVSplit]) -> CSVSplit:
    """Merge the files of several splits into one."""
    return CSVSplit(tuple(x for split in splits for x in split.tables))


LAYOUT = Layout(
    name="csv",
    title="CSV",
    expected="<split>.csv or <split>/_annotations.csv with the columns "
    "filename, class, xmin, ymin, xmax and ymax, or rows of AutoML",
    find_splits=find_splits,
    read=read,
    endings=(".csv",),
    source_endings=(".csv",),
    join_files=join_files,
    has_images_option=True,
)
