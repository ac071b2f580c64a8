"""What readers give: plain records, and a report of what they found."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """One labelled image.

    Attributes:
        image: Path of the file, or the image itself: an array `(height,
            width, 3)`, uint8.
        label: Integer from 0, the index into the class names.
    """

    image: Any
    label: int


@dataclasses.dataclass(frozen=True)
class ReadReport:
    """What a reader found.

    Attributes:
        source: Where it read.
        class_counts: Number of images of each class, in the order of labels.
        dropped: Pairs `(path, reason)` of what was left out.
        ignored: Number of files that are no images.
    """

    source: str
    class_counts: dict[str, int]
    dropped: Sequence[tuple[pathlib.Path, str]] = ()
    ignored: int = 0

    @property
    def num_images(self) -> int:
        """Number of images of all classes."""
        return sum(self.class_counts.values())

    def __str__(self):
        lines = [
            f"{self.num_images} images of {len(self.class_counts)} classes "
            f"in {self.source}"
        ]
        if self.ignored:
            lines.append(f"{self.ignored} files are no images, ignored")
        if self.dropped:
            lines.append(f"{len(self.dropped)} images dropped:")
        lines += [f"  {path}: {reason}" for path, reason in self.dropped[:10]]
        if len(self.dropped) > 10:
            lines.append(f"  and {len(self.dropped) - 10} more")
        return "\n".join(lines)
