"""The images of csv files that state the classes of whole images."""

import os
import pathlib
from collections.abc import Sequence

from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.class_names import select_classes
from keras_efficient.data.readers.class_tables import ClassRow
from keras_efficient.data.readers.class_tables import ClassTable
from keras_efficient.data.readers.csv_tables import INCOMPLETE
from keras_efficient.data.readers.files import EXTENSIONS
from keras_efficient.data.readers.files import is_image
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.image_checks import check_records
from keras_efficient.data.readers.image_finder import OUTSIDE
from keras_efficient.data.readers.image_finder import ImageFinder
from keras_efficient.data.readers.image_finder import finder_beside
from keras_efficient.data.records import ClassificationRecord
from keras_efficient.data.records import ClassificationReport
from keras_efficient.data.records import listed
from keras_efficient.data.records import shown_text

NOT_HERE = (
    "an image outside the folder of the file. Move the file into a folder that "
    "contains the images, and pass this folder"
)


def read_class_table(
    table: ClassTable,
    split: str | None,
    listing: FolderListing,
    class_names: Sequence[str] | None = None,
    strict: bool = False,
    check: str = "decode",
) -> tuple[
    tuple[ClassificationRecord, ...], tuple[str, ...], ClassificationReport
]:
    """Read the images of a csv file; see `load_classification`.

    `listing` is that of the dataset, in whose folder the images must be.
    """
    if not table.class_names:
        raise ValueError(
            f"{table.path} states no class for any image. The column with the "
            "classes must not be empty."
        )
    names, left_out = select_classes(
        table.path, table.class_names, class_names, strict
    )
    dropped: list[tuple[pathlib.Path, str]] = []
    records = _records(table, split, names, dropped, listing)
    if table.incomplete:
        lines = listed([str(line) for line in table.incomplete])
        dropped.append(
            (table.path, f"{table.path}: {INCOMPLETE}, in lines {lines}")
        )
    if dropped and strict:
        raise ValueError(
            f"{len(dropped)} entries of {table.path} cannot be used. The "
            f"first: {dropped[0][1]}. Correct them, or pass strict=False to "
            "drop them."
        )
    readable, unreadable, noted = check_records(
        table.path, records, strict, check
    )
    dropped += unreadable
    if not readable:
        reasons = "".join(f"\n  {shown_text(x)}" for _, x in dropped[:3])
        raise ValueError(
            f"No image of {table.path} can be used. Images are searched beside "
            f"the file and in folders such as images/.{reasons}"
        )
    counts = dict.fromkeys(names, 0)
    for record in readable:
        for label in record.labels:
            counts[names[label]] += 1
    report = ClassificationReport(
        str(table.path),
        counts,
        tuple(dropped),
        left_out=left_out,
        multi_label_images=len(readable) if table.multi_label else None,
        noted=noted,
    )
    return readable, names, report


def _records(
    table: ClassTable,
    split: str | None,
    names: Sequence[str],
    dropped: list[tuple[pathlib.Path, str]],
    listing: FolderListing,
) -> list[ClassificationRecord]:
    """The images that a table states, with their labels."""
    finder = finder_beside(
        table.path,
        ReadOptions(listing, root=listing.root),
        [split] if split else [],
        [name for row in table.rows for name in _spellings(row.file)],
    )
    label_of = {name: label for label, name in enumerate(names)}
    records = []
    for file, rows in _rows_by_file(table).items():
        where = f"{table.path}, line {rows[0].line}, {shown_text(file)}"
        classes = dict.fromkeys(x for row in rows for x in row.classes)
        if not table.multi_label and len(classes) != 1:
            found = listed([*classes]) if classes else "no class"
            dropped.append((table.path, f"{where}: has {found}"))
            continue
        labels = tuple(sorted(label_of[x] for x in classes if x in label_of))
        if not table.multi_label and not labels:
            continue
        reasons: list[tuple[str, str]] = []
        path = _find(finder, file, where, reasons)
        if path is None:
            dropped += [
                (table.path, f"{place}: {NOT_HERE}" if x == OUTSIDE else place)
                for x, place in reasons
            ]
            continue
        label = labels if table.multi_label else labels[0]
        records.append(ClassificationRecord(path, label))
    return records


def _rows_by_file(table: ClassTable) -> dict[str, list[ClassRow]]:
    rows: dict[str, list[ClassRow]] = {}
    for row in table.rows:
        rows.setdefault(row.file, []).append(row)
    return rows


def _spellings(name: str) -> tuple[str, ...]:
    """The names that the file of an image may have.

    Tables of Kaggle often state it without its extension.
    """
    if is_image(name):
        return (name,)
    return (name, *(name + extension for extension in EXTENSIONS))


def _find(
    finder: ImageFinder,
    name: str,
    where: str,
    dropped: list[tuple[str, str]],
) -> pathlib.Path | None:
    """The path of an image, `None` if it is not certain."""
    paths = []
    for spelling in _spellings(name):
        path = finder.find_or_drop(spelling, where, dropped)
        if path is None or os.path.isfile(path):
            return path
        paths.append(path)
    return paths[0]
