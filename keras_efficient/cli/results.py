"""Files with the results of detection."""

import csv
import io
import json
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

from keras_efficient.atomic_writes import write_text
from keras_efficient.types import PathLike

if TYPE_CHECKING:
    from keras_efficient.inference import Detections

COLUMNS = (
    "file", "frame", "label", "name", "score",
    "left", "top", "right", "bottom",
)  # fmt: skip


class DetectionFiles:
    """Collects detections and writes them to files.

    Args:
        folder: Folder of the files.
        formats: Sequence of `"json"`, `"csv"` and `"coco"`.
        image_ids: Dict from file names to COCO image ids. Defaults to the
            file name as a number, or else the file name itself.
        category_ids: COCO category ids in the order of labels. Defaults to
            the label plus 1.
    """

    def __init__(
        self,
        folder: PathLike,
        formats: Sequence[str],
        image_ids: dict[str, int] | None = None,
        category_ids: Sequence[int] | None = None,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.formats = tuple(formats)
        self.image_ids = image_ids
        self.category_ids = category_ids
        self.rows: list[dict] = []
        self.coco: list[dict] = []

    def add(
        self, found: "Detections", file: object, frame: int | None = None
    ) -> None:
        """Add the detections in an image or in a frame of a video."""
        row: dict[str, Any] = {"file": str(file)}
        if frame is not None:
            row["frame"] = frame
        self.rows.append({**row, **found.to_dict()})
        if "coco" in self.formats:
            self.coco += found.to_coco(
                self._image_id(file, frame), self.category_ids
            )

    def write(self) -> list[pathlib.Path]:
        """Write all files, each atomically, and return their paths."""
        texts = {
            "json": lambda: json.dumps(self.rows, indent=1),
            "csv": self._csv,
            "coco": lambda: json.dumps(self.coco),
        }
        names = {
            "json": "detections.json",
            "csv": "detections.csv",
            "coco": "coco_results.json",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for kind in self.formats:
            paths.append(self.folder / names[kind])
            write_text(paths[-1], texts[kind]())
        return paths

    def _image_id(self, file, frame):
        path = pathlib.Path(str(file))
        if frame is not None:
            return f"{path.name}:{frame}"
        if self.image_ids is not None:
            return self.image_ids[path.name]
        return int(path.stem) if path.stem.isdecimal() else path.name

    def _csv(self):
        lines = []
        for row in self.rows:
            for label, name, score, box in zip(
                row["labels"],
                row["names"],
                row["scores"],
                row["boxes"],
                strict=True,
            ):
                edges = (f"{edge:.2f}" for edge in box)
                frame = row.get("frame", "")
                lines.append(
                    (row["file"], frame, label, name, f"{score:.4f}", *edges)
                )
        return csv_text(COLUMNS, lines)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """Return the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
