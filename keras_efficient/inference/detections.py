"""What was found in one image."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_efficient.data.images import load_image
from keras_efficient.inference.drawing import draw_boxes

# Rows of a table that is still read.
MAX_ROWS = 20


@dataclasses.dataclass(frozen=True, repr=False)
class Detections:
    """The objects found in one image, the surest first.

    Attributes:
        boxes: Float32 array `(number, 4)`, `xyxy` in pixels of the image.
        scores: Float32 array `(number,)`, in `[0, 1]`.
        labels: Int32 array `(number,)`, classes from 0.
        class_names: Tuple of the classes' names, or `None`.
        image_size: `(height, width)` of the image, in pixels.
        image: Where the image came from: path, bytes, PIL image or array.

    Example:
    >>> found = keras_efficient.inference.Detections(
    ...     boxes=np.array([[10, 20, 60, 90]], "float32"),
    ...     scores=np.array([0.9], "float32"),
    ...     labels=np.array([1], "int32"),
    ...     class_names=("cat", "dog"),
    ...     image_size=(100, 120),
    ... )
    >>> found.names, len(found)
    (['dog'], 1)
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str] | None = None
    image_size: tuple[int, int] | None = None
    image: Any = None

    def __len__(self):
        return len(self.scores)

    def __getitem__(self, index) -> "Detections":
        """Some of them, chosen as from a NumPy array."""
        if isinstance(index, int | np.integer):
            index = [index]
        return dataclasses.replace(
            self,
            boxes=self.boxes[index],
            scores=self.scores[index],
            labels=self.labels[index],
        )

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    @property
    def names(self) -> list[str]:
        """Name of the class of each, or its number."""
        if self.class_names is None:
            return [str(label) for label in self.labels]
        return [self.class_names[label] for label in self.labels]

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        return {
            "boxes": [[float(x) for x in box] for box in self.boxes],
            "scores": [float(score) for score in self.scores],
            "labels": [int(label) for label in self.labels],
            "names": self.names,
            "image_size": None
            if self.image_size is None
            else [int(side) for side in self.image_size],
        }

    def to_coco(self, image_id, category_ids=None) -> list[dict]:
        """Rows of a results file of COCO.

        Args:
            image_id: Number or name of the image.
            category_ids: Sequence, the category of each label. Defaults to
                the label plus 1.

        Returns:
            A list of dicts, boxes as left, top, width, height.
        """
        rows = []
        for box, score, label in zip(
            self.boxes, self.scores, self.labels, strict=True
        ):
            left, top, right, bottom = (float(x) for x in box)
            category = int(label) + 1
            if category_ids is not None:
                category = int(category_ids[label])
            rows.append(
                {
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": [left, top, right - left, bottom - top],
                    "score": float(score),
                }
            )
        return rows

    def plot(self, path=None, image=None, show_scores=True) -> Image.Image:
        """Draws the boxes into the image.

        Lines and letters grow with the image, each class has a color of its
        own, and names move out of each other's way where there is room.

        Args:
            path: Where to save the picture. Defaults to `None`: nowhere.
            image: The image, if the object does not know it.
            show_scores: Boolean. Defaults to `True`.

        Returns:
            A PIL image.

        Raises:
            ValueError: If no image is known.
        """
        image = self.image if image is None else image
        if image is None:
            raise ValueError(
                "These detections do not know their image: pass `image`."
            )
        texts = [
            f"{name} {score:.0%}" if show_scores else name
            for name, score in zip(self.names, self.scores, strict=True)
        ]
        picture = draw_boxes(load_image(image), self.boxes, texts, self.labels)
        if path is not None:
            picture.save(path)
        return picture

    def __repr__(self):
        size = self.image_size
        where = "" if size is None else f" in {size[1]} x {size[0]} pixels"
        lines = [f"Detections: {len(self)}{where}"]
        for name, score, box in zip(
            self.names[:MAX_ROWS], self.scores, self.boxes, strict=False
        ):
            edges = ", ".join(f"{x:.0f}" for x in box)
            lines.append(f"  {score:6.1%}  {name:<16} ({edges})")
        if len(self) > MAX_ROWS:
            lines.append(f"  and {len(self) - MAX_ROWS} more")
        return "\n".join(lines)
