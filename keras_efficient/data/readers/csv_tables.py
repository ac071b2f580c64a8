"""Tables in csv files, recognized by the names of their columns."""

import csv
import dataclasses
import io
import itertools
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.folder_listing import FolderListing

# Reason in reports, after a number.
INCOMPLETE = "rows that lack columns"
DELIMITERS = (",", ";", "\t")
# Levels of subfolders in which tables are searched.
MAX_DEPTH = 2


@dataclasses.dataclass(frozen=True)
class Table:
    """A csv file.

    Attributes:
        path: Path of the file.
        delimiter: Character between the columns.
        encoding: Encoding of the text.
        header: The first row, without spaces, in lower case.
    """

    path: pathlib.Path
    delimiter: str
    encoding: str
    header: tuple[str, ...]

    def columns(
        self, names: Mapping[str, Sequence[str]]
    ) -> dict[str, int] | None:
        """Return the index of each column, `None` if one is missing.

        Args:
            names: The names that a column may have, in lower case.
        """
        found = {}
        for column, accepted in names.items():
            known = [x for x in accepted if x in self.header]
            if not known:
                return None
            found[column] = self.header.index(known[0])
        return found

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line and the cells of each row.

        The header is included; empty rows are not.

        Raises:
            ValueError: If the file is not text.
        """
        with open(
            self.path, encoding=self.encoding, errors="replace", newline=""
        ) as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            try:
                for cells in reader:
                    cells = [cell.strip() for cell in cells]
                    if any(cells):
                        yield reader.line_num, cells
            except csv.Error as e:
                line = reader.line_num
                raise ValueError(
                    f"{self.path} is not a csv file: line {line}: {e}"
                ) from e


def open_table(path: pathlib.Path) -> Table | None:
    """Return a csv file with its header, `None` if it is empty."""
    with open_file(path) as file:
        data = file.read(65_536)
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        try:
            io.TextIOWrapper(io.BytesIO(data), "utf-8").read()
        except UnicodeDecodeError as e:
            # A letter of several bytes may be cut at the end.
            encoding = "cp1252" if e.start < len(data) - 4 else encoding
    lines = data.decode(encoding, errors="replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return None
    names = tuple(name.strip().lower() for name in header)
    return Table(path, delimiter, encoding, names) if names else None


def find_tables(listing: FolderListing) -> list[Table]:
    """Return the tables of a folder and its subfolders, or of a file."""
    files = [listing.source]
    if not listing.is_file:
        files = listing.files_to_depth(MAX_DEPTH, ".csv")
    tables = map(open_table, files)
    return [table for table in tables if table is not None]


def split_of(
    root: pathlib.Path,
    path: pathlib.Path,
    plain: Sequence[str],
    affixes: Sequence[str],
) -> str | None:
    """Return the name of the split of a table, from its path.

    Args:
        root: Folder of the dataset, or the file itself.
        path: Path of the file.
        plain: Names of files that do not contain the name of a split, and of
            folders that are none.
        affixes: What a name contains besides the split, such as `"_labels"`.

    Returns:
        A string, or `None` for a table of all images.
    """
    if root == path:
        return None
    stem = path.stem
    for affix in affixes:
        stem = stem.removesuffix(affix).removeprefix(affix)
    if stem and stem.lower() not in plain:
        return stem
    folders = reversed(path.relative_to(root).parts[:-1])
    names = itertools.dropwhile(lambda x: x.lower() in plain, folders)
    return next(names, None)
