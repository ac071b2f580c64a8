"""Results of classification and detection for one image."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
from PIL import Image

from keras_efficient.data.image_channels import FILE_CHANNELS
from keras_efficient.data.images import load_image
from keras_efficient.inference.drawing import draw_boxes
from keras_efficient.inference.drawing import draw_names
from keras_efficient.types import ImageLike
from keras_efficient.types import PathLike

# Number of detections that `print` shows.
MAX_ROWS = 20


class _Labeled:
    """Methods of both results: names, length, selection, picture."""

    labels: np.ndarray
    class_names: Sequence[str] | None
    image: ImageLike | None
    # Attributes with one row for each label.
    _rows: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Self:
        """Select rows, by any index of a NumPy array."""
        if isinstance(index, int | np.integer):
            index = [index]
        rows = {name: getattr(self, name)[index] for name in self._rows}
        # Both subclasses are dataclasses.
        return dataclasses.replace(self, **rows)  # type: ignore[type-var]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    @property
    def names(self) -> list[str]:
        """Class name of each row; the label if the names are unknown."""
        if self.class_names is None:
            return [str(label) for label in self.labels]
        return [self.class_names[label] for label in self.labels]

    def _texts(self, scores: np.ndarray, show_scores: bool) -> list[str]:
        return [
            f"{name} {score:.0%}" if show_scores else name
            for name, score in zip(self.names, scores, strict=True)
        ]

    def _pixels(self, image: ImageLike | None) -> np.ndarray:
        image = self.image if image is None else image
        if image is None:
            raise ValueError(
                "The result does not contain its image. Pass `image`."
            )
        return displayable(image)


def displayable(image: ImageLike) -> np.ndarray:
    """Return RGB pixels; of other numbers of channels the first one or three.

    Args:
        image: A path, bytes, a PIL image or an array.

    Returns:
        Uint8 array `(height, width, 3)`.
    """
    if isinstance(image, np.ndarray) and image.ndim == 3:
        count = image.shape[-1]
        if count not in FILE_CHANNELS:
            image = image[..., : 3 if count > 3 else 1]
    return load_image(image)


@dataclasses.dataclass(frozen=True, repr=False)
class Classification(_Labeled):
    """The most probable classes of one image, highest probability first.

    The first is the predicted class. Only if classes do not exclude each other
    any number of them is predicted. Of one output with the names of both
    classes, the threshold decides which is first.

    Attributes:
        labels: Int32 array `(number,)`, classes from 0.
        probabilities: Float32 array `(number,)`, in `[0, 1]`.
        class_names: Tuple of the names of all classes, or `None`.
        image: The image as it was passed: path, bytes, PIL image or array.
        predicted: Boolean array `(number,)`, whether a class is predicted.
            Defaults to the first one.

    Example:
    >>> keras_efficient.inference.Classification(
    ...     labels=np.array([1, 0], "int32"),
    ...     probabilities=np.array([0.75, 0.25], "float32"),
    ...     class_names=("cat", "dog"),
    ... )
    Classification: dog 75.0%, cat 25.0%
    """

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: Sequence[str] | None = None
    image: ImageLike | None = None
    # Always an array once the result exists.
    predicted: Any = None

    _rows = ("labels", "probabilities", "predicted")

    def __post_init__(self) -> None:
        if self.predicted is None:
            is_first = np.arange(len(self.labels)) == 0
            object.__setattr__(self, "predicted", is_first)

    @property
    def predicted_names(self) -> list[str]:
        """Names of the predicted classes."""
        pairs = zip(self.names, self.predicted, strict=True)
        return [name for name, is_predicted in pairs if is_predicted]

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings and lists, suitable for JSON."""
        return {
            "labels": [int(label) for label in self.labels],
            "probabilities": [float(share) for share in self.probabilities],
            "names": self.names,
            "predicted": [bool(x) for x in self.predicted],
        }

    def plot(
        self,
        path: PathLike | None = None,
        image: ImageLike | None = None,
        show_scores: bool = True,
    ) -> Image.Image:
        """Write the names of the classes into the upper left corner.

        Args:
            path: File to save the picture to. Defaults to `None`.
            image: The image, if the result does not contain it. Defaults to
                `None`.
            show_scores: Boolean, whether to write the probabilities. Defaults
                to `True`.

        Returns:
            A PIL image.

        Raises:
            ValueError: If the image is unknown.
        """
        texts = self._texts(self.probabilities, show_scores)
        picture = draw_names(self._pixels(image), texts, self.labels)
        if path is not None:
            picture.save(path)
        return picture

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{name} {share:.1%}"
            for name, share in zip(self.names, self.probabilities, strict=True)
        )
        return f"Classification: {shares}"


@dataclasses.dataclass(frozen=True, repr=False)
class Detections(_Labeled):
    """The objects detected in one image, highest score first.

    Attributes:
        boxes: Float32 array `(number, 4)`, `xyxy` in pixels of the image.
        scores: Float32 array `(number,)`, in `[0, 1]`.
        labels: Int32 array `(number,)`, classes from 0.
        class_names: Tuple of the names of all classes, or `None`.
        image_size: `(height, width)` of the image, in pixels.
        image: The image as it was passed: path, bytes, PIL image or array.

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
    image: ImageLike | None = None

    _rows = ("boxes", "scores", "labels")

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings and lists, suitable for JSON."""
        return {
            "boxes": [[float(x) for x in box] for box in self.boxes],
            "scores": [float(score) for score in self.scores],
            "labels": [int(label) for label in self.labels],
            "names": self.names,
            "image_size": None
            if self.image_size is None
            else [int(side) for side in self.image_size],
        }

    def to_coco(
        self, image_id: int | str, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of a COCO results file.

        Args:
            image_id: Id of the image.
            category_ids: Sequence of integers, the category of each label.
                Defaults to `None`: the label plus 1.

        Returns:
            A list of dicts. Boxes are left, top, width and height.
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

    def plot(
        self,
        path: PathLike | None = None,
        image: ImageLike | None = None,
        show_scores: bool = True,
    ) -> Image.Image:
        """Draw the boxes and their class names into the image.

        Lines and letters scale with the image, and each class has its own
        color. Names are placed where they do not cover each other, if
        possible.

        Args:
            path: File to save the picture to. Defaults to `None`.
            image: The image, if the result does not contain it. Defaults to
                `None`.
            show_scores: Boolean, whether to write the scores. Defaults to
                `True`.

        Returns:
            A PIL image.

        Raises:
            ValueError: If the image is unknown.
        """
        texts = self._texts(self.scores, show_scores)
        picture = draw_boxes(
            self._pixels(image), self.boxes, texts, self.labels
        )
        if path is not None:
            picture.save(path)
        return picture

    def __repr__(self) -> str:
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
