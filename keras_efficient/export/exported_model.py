"""Exported models, run in the runtimes that they were written for."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_efficient.atomic_writes import restore_folder
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data.images import load_image
from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.fixed_size_images import fit_image
from keras_efficient.export.formats.fixed_size_images import network_pixels
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.network_outputs import find_detections
from keras_efficient.export.specs import Preprocessing
from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import check_threshold
from keras_efficient.inference.classification import result_of
from keras_efficient.inference.image_batches import class_names_of
from keras_efficient.inference.results import Classification
from keras_efficient.inference.results import Detections
from keras_efficient.ops import generate_anchors
from keras_efficient.types import PathLike
from keras_efficient.types import Task


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """An exported model in its own runtime, without Keras.

    `load` returns it. A detector has `detect`, a classifier `classify` and
    `predict`, so that `evaluation.evaluate_detection` and
    `evaluate_classification` accept it in place of a model.

    Attributes:
        format: String: `"saved_model"`, `"onnx"`, `"litert"` or `"openvino"`.
        metadata: Dictionary that is stored in the export: task, class names,
            preprocessing, thresholds and versions.
        signatures: Dictionary from names to functions from one array to a
            dictionary of arrays: `"images"` in each format, and
            `"serving_default"` and `"raw"` in a SavedModel. An export of the
            network alone (`io_dtype` of `litert`) has only `"raw"`: `predict`
            and `detect` perform the other steps.
    """

    format: str
    metadata: dict[str, Any]
    signatures: dict[str, Callable[[Any], dict[str, np.ndarray]]]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the outputs."""
        return tuple(self.metadata["class_names"])

    def detect(
        self, images: Any, *, score_threshold: float = 0.0, batch_size: int = 1
    ) -> list[Detections]:
        """Detect objects in images of any size.

        Args:
            images: Sequence of paths, contents of files as bytes, or uint8
                arrays of shape `(height, width, channels)`; or one of these.
            score_threshold: Float; detections of lower scores are dropped, in
                addition to the threshold inside the export. Defaults to 0.
            batch_size: Ignored, since images are processed one by one.
                Defaults to 1.

        Returns:
            A list of `Detections`, with boxes in pixels of each image.

        Raises:
            TypeError: If the export is a classifier.
        """
        self._check_task("detection")
        found = []
        for image in self._load_images(images):
            rows, scale = self._run(image)
            number = int(rows["num_detections"][0])
            keep = rows["scores"][0, :number] >= score_threshold
            boxes = rows["boxes"][0, :number][keep] / scale
            limits = np.array(image.shape[1::-1] * 2, "float32")
            found.append(
                Detections(
                    boxes=np.minimum(boxes, limits),
                    scores=rows["scores"][0, :number][keep],
                    labels=rows["labels"][0, :number][keep],
                    class_names=self.class_names,
                    image_size=image.shape[:2],
                )
            )
        return found

    def classify(
        self,
        images: Any,
        *,
        top: int = 5,
        threshold: float | None = None,
        class_names: Sequence[str] | None = None,
    ) -> list[Classification]:
        """Return the most probable classes of images of any size.

        Args:
            images: Images, as for `detect`.
            top: Integer, number of classes to return for each image. Defaults
                to 5.
            threshold: Float, probability from which on a class is predicted if
                classes do not exclude each other. Defaults to that of the
                export.
            class_names: Sequence of names in the order of the outputs, or of
                both classes of a single output. Defaults to those of the
                export.

        Returns:
            A list of `Classification`, one for each image.

        Raises:
            TypeError: If the export is a detector.
            ValueError: If an argument is out of range.
        """
        images = images if isinstance(images, list | tuple) else [images]
        return list(
            self.classify_each(
                images, top=top, threshold=threshold, class_names=class_names
            )
        )

    def classify_each(
        self,
        images: Iterable[Any],
        *,
        top: int = 5,
        threshold: float | None = None,
        class_names: Sequence[str] | None = None,
        batch_size: int = 1,
    ) -> Iterator[Classification]:
        """Classify a stream of images; see `classify`.

        Args:
            images: Iterable of images.
            top: See `classify`.
            threshold: See `classify`.
            class_names: See `classify`.
            batch_size: Ignored, since images are processed one by one.
                Defaults to 1.

        Returns:
            An iterator over `Classification`.
        """
        if top < 1:
            raise ValueError(f"`top` must be at least 1. Received: top={top}")
        kind = self.class_outputs(threshold)
        names = class_names_of(self, class_names, kind.name_counts)
        return (
            result_of(kind, self.predict(image)[0], names, top, image)
            for image in images
        )

    def class_outputs(self, threshold: float | None = None) -> ClassOutputs:
        """Return what the probabilities of a classifier mean.

        Args:
            threshold: Float instead of that of the export. Defaults to `None`.

        Returns:
            `inference.ClassOutputs`.

        Raises:
            TypeError: If the export is a detector.
        """
        self._check_task("classification")
        names = self.metadata["class_names"]
        # Exports of earlier versions have exclusive classes.
        exclusive = self.metadata.get("exclusive", True)
        if threshold is None:
            threshold = self.metadata.get("threshold")
        return ClassOutputs(
            number=self.metadata.get("num_outputs", len(names)),
            from_logits=False,
            exclusive=exclusive,
            threshold=check_threshold(threshold, exclusive),
        )

    def predict(self, images: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Args:
            images: Images, as for `detect`.

        Returns:
            A float32 array of shape `(number of images, classes)`.

        Raises:
            TypeError: If the export is a detector.
        """
        self._check_task("classification")
        return np.concatenate(
            [
                self._run(image)[0]["probabilities"]
                for image in self._load_images(images)
            ]
        )

    @functools.cached_property
    def _preprocessing(self) -> Preprocessing:
        config = self.metadata["preprocessing"]
        if self.metadata["task"] == "detection":
            return DetectionPreprocessing.from_config(config)
        return ClassificationPreprocessing.from_config(config)

    def _run(self, image: np.ndarray) -> tuple[dict[str, np.ndarray], float]:
        """Return the outputs for an image, and the scale of the boxes."""
        if "images" not in self.signatures:
            return self._run_network(image), 1.0
        size = self.metadata["fixed_image_size"]
        # Exports of earlier versions crop the images that they receive.
        is_prepared = self.metadata.get("is_prepared", False)
        pixels, scale = fit_image(image, self._preprocessing, size, is_prepared)
        return self.signatures["images"](pixels[None]), scale

    def _run_network(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs for an image of an export of the network."""
        pixels, scale = network_pixels(image, self._preprocessing)
        outputs = self.signatures["raw"](pixels[None])
        if self.metadata["task"] == "classification":
            return outputs
        return find_detections(
            outputs,
            self._anchors,
            self.metadata["options"],
            scales=[scale],
            sizes=[image.shape[:2]],
        )

    @functools.cached_property
    def _anchors(self) -> np.ndarray:
        return generate_anchors(
            self._preprocessing.size, **self.metadata["anchors"]
        )

    def _load_images(self, images: Any) -> list[np.ndarray]:
        channels = self.metadata.get("channels", 3)
        if not isinstance(images, list | tuple):
            images = [images]
        return [load_image(image, channels=channels) for image in images]

    def _check_task(self, task: Task) -> None:
        if self.metadata["task"] != task:
            raise TypeError(
                f"This method is for {task}, but the exported model is for "
                f"{self.metadata['task']}."
            )


def load(path: PathLike) -> ExportedModel:
    """Load a model that `saved_model`, `onnx`, `litert` or `openvino` wrote.

    Args:
        path: The folder or file.

    Returns:
        An `ExportedModel`, which runs in TensorFlow, ONNX Runtime, LiteRT or
        OpenVINO on the CPU.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ImportError: If the runtime is not installed.
        ValueError: If `path` is not an export of this package.

    Example:
    ```python
    exported = keras_efficient.export.load("cells.onnx")
    print(keras_efficient.evaluation.evaluate_detection(exported, test))
    ```
    """
    path = pathlib.Path(path)
    export_format = _find_format(path)
    export_format.require_packages()
    try:
        metadata = export_format.read_metadata(path)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} has no metadata of keras_efficient, so another program "
            "exported it. Export the model with `keras_efficient.export`."
        ) from error
    return ExportedModel(export_format.name, metadata, export_format.read(path))


def _find_format(path: pathlib.Path) -> ExportFormat:
    if not path.exists():
        # A process may have been killed while it replaced the export.
        restore_folder(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    for export_format in FORMATS.values():
        if export_format.recognizes(path):
            return export_format
    raise ValueError(
        "`path` must be a folder with `saved_model.pb` or `model.xml`, or a "
        f"file ending in `.onnx` or `.tflite`. Received: {path}"
    )
