"""Csv files that state the classes of whole images."""

import dataclasses
import pathlib
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import is_whole_number
from keras_efficient.data.readers.csv_boxes import COLUMNS as BOX_COLUMNS
from keras_efficient.data.readers.csv_tables import Table
from keras_efficient.data.readers.csv_tables import find_tables
from keras_efficient.data.readers.csv_tables import split_of
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_folder import find_splits
from keras_efficient.data.readers.image_folder import has_class_folders

FILE_COLUMNS = (
    *BOX_COLUMNS["file"], "filepath", "filepaths", "image_id", "id",
)  # fmt: skip
# Columns of one class, or of any number of classes between separators.
CLASS_COLUMNS = (*BOX_COLUMNS["class"], "target")
LIST_COLUMNS = ("labels", "classes", "tags", "categories")
SPLIT_COLUMNS = ("split", "subset", "partition", "data set", "dataset")
SEPARATORS = re.compile(r"[,;|]")
FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True}
PLAIN_NAMES = (
    "_classes", "classes", "labels", "annotations", "metadata", "data", "csv",
    "images",
)  # fmt: skip
AFFIXES = ("_classes", "_labels", "_metadata", "_annotations", "labels_")


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """The classes of an image, as a row of a csv file states them.

    Attributes:
        line: Number of the line in the file.
        file: Name or path of the image.
        classes: Names of the classes; may be empty.
        split: Name of the split in lower case, or `None`.
    """

    line: int
    file: str
    classes: tuple[str, ...]
    split: str | None = None


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """A csv file, or a part of it, that states the classes of images.

    Attributes:
        path: Path of the file.
        rows: What the rows state.
        multi_label: Whether an image may have any number of classes.
        class_names: Names of the classes, in the order of their labels.
        incomplete: Numbers of the lines that lack columns.
    """

    path: pathlib.Path
    rows: tuple[ClassRow, ...]
    multi_label: bool
    class_names: tuple[str, ...]
    incomplete: tuple[int, ...] = ()


def class_tables(listing: FolderListing) -> dict[str | None, ClassTable]:
    """Return the csv files with the classes of images, by split.

    Args:
        listing: A `FolderListing` of a folder or a csv file.

    Returns:
        A dict from the names of splits to tables. The key is `None` for images
        that are not divided. All tables have the same classes. The dict is
        empty for other files and for folders that have one folder for each
        class.

    Raises:
        ValueError: If several files state the classes of the same split.
    """
    path = listing.source
    if listing.is_file:
        may_have_tables = path.suffix.lower() == ".csv"
    else:
        may_have_tables = not (
            find_splits(listing) or has_class_folders(listing)
        )
    found: dict[str | None, ClassTable] = {}
    files = find_tables(listing) if may_have_tables else ()
    for table in map(_read_table, files):
        for split, part in _parts(path, table) if table else ():
            if split in found:
                raise ValueError(
                    f"{path} has several csv files with the classes of the "
                    f"same images: {found[split].path} and {part.path}. Pass "
                    "the path of one of them."
                )
            found[split] = part
    names = sorted_names(
        x for table in found.values() for x in table.class_names
    )
    multi_label = any(table.multi_label for table in found.values())
    return {
        split: dataclasses.replace(
            table, class_names=names, multi_label=multi_label
        )
        for split, table in found.items()
    }


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return different names in the order of labels: numbers by value.

    >>> from keras_efficient.data.readers.class_tables import sorted_names
    >>> sorted_names(["10", "9", "10"]), sorted_names(["b", "10", "9"])
    (('9', '10'), ('10', '9', 'b'))
    """
    found = set(names)
    if all(map(is_whole_number, found)):
        return tuple(sorted(found, key=lambda name: (int(name), name)))
    return tuple(sorted(found))


def _parts(
    root: pathlib.Path, table: ClassTable
) -> list[tuple[str | None, ClassTable]]:
    """The splits of a table: by its column, or else by its path."""
    splits = dict.fromkeys(row.split for row in table.rows)
    if all(split is None for split in splits):
        return [(split_of(root, table.path, PLAIN_NAMES, AFFIXES), table)]
    return [
        (
            split,
            dataclasses.replace(
                table, rows=tuple(x for x in table.rows if x.split == split)
            ),
        )
        for split in splits
    ]


def _read_table(table: Table) -> ClassTable | None:
    """The classes that a csv file states, `None` if there are none."""
    columns = table.columns({"file": FILE_COLUMNS})
    boxes = {name: BOX_COLUMNS[name] for name in ("xmin", "ymin")}
    if columns is None or table.columns(boxes):
        return None
    place = columns["file"]
    split = (table.columns({"split": SPLIT_COLUMNS}) or {}).get("split")
    lines = list(table.rows())
    if not lines or len(lines[0][1]) < len(table.header):
        return None  # the file is not what its start looks like
    header = lines.pop(0)[1]
    complete = [(n, row) for n, row in lines if len(row) >= len(header)]
    others = [i for i in range(len(header)) if i not in (place, split)]
    found = _classes(table, header, [row for _, row in complete], others)
    if found is None:
        return None
    multi_label, classes_of, names = found
    rows = tuple(
        ClassRow(
            line,
            row[place],
            classes_of(row),
            (row[split].lower() or None) if split is not None else None,
        )
        for line, row in complete
    )
    return ClassTable(
        table.path,
        rows,
        multi_label,
        sorted_names([*names, *(x for row in rows for x in row.classes)]),
        tuple(n for n, row in lines if len(row) < len(header)),
    )


def _classes(
    table: Table,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    others: Sequence[int],
) -> tuple[bool, Callable[[Sequence[str]], tuple[str, ...]], list[str]] | None:
    """Whether images have several classes, those of a row, and all of them."""
    lists = table.columns({"class": LIST_COLUMNS})
    if lists and any(SEPARATORS.search(row[lists["class"]]) for row in rows):
        return True, _SplitCell(lists["class"]), []
    single = table.columns({"class": (*CLASS_COLUMNS, *LIST_COLUMNS)})
    if single:
        return False, _Cell(single["class"]), []
    if others and all(row[i] in FLAGS for row in rows for i in others):
        return True, _Flags(header, others), [header[i] for i in others]
    # Such as `id, breed`: any name, if it is no measure of each image.
    values = {row[i] for row in rows for i in others}
    if len(others) == 1 and 2 * len(values) <= len(rows):
        return False, _Cell(others[0]), []
    return None


@dataclasses.dataclass(frozen=True)
class _Cell:
    """The class in one cell."""

    column: int

    def __call__(self, row: Sequence[str]) -> tuple[str, ...]:
        return (row[self.column],) if row[self.column] else ()


@dataclasses.dataclass(frozen=True)
class _SplitCell:
    """The classes in one cell, between separators."""

    column: int

    def __call__(self, row: Sequence[str]) -> tuple[str, ...]:
        cells = (x.strip() for x in SEPARATORS.split(row[self.column]))
        return tuple(dict.fromkeys(x for x in cells if x))


@dataclasses.dataclass(frozen=True)
class _Flags:
    """The names of the columns that contain 1."""

    header: Sequence[str]
    columns: Sequence[int]

    def __call__(self, row: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.header[i] for i in self.columns if FLAGS[row[i]])
