"""Exported models, run in the runtimes that they were written for."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.data.images import load_image
from keras_efficient.export.formats.export_format import ExportFormat
from keras_efficient.export.formats.fixed_size_images import fit_image
from keras_efficient.export.formats.fixed_size_images import network_pixels
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.network_outputs import find_detections
from keras_efficient.export.specs import Preprocessing
from keras_efficient.inference.results import Detections
from keras_efficient.ops import generate_anchors
from keras_efficient.types import PathLike
from keras_efficient.types import Task


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """An exported model in its own runtime, without Keras.

    `load` returns it. A detector has `detect`, so that
    `evaluation.evaluate_detection` accepts it in place of a model; a classifier
    has `predict`.

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
                arrays of shape `(height, width, 3)`; or one of these.
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
        for image in _load_images(images):
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
                for image in _load_images(images)
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
        pixels, scale = fit_image(image, self._preprocessing, size)
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
        raise FileNotFoundError(f"There is no file or folder {path}.")
    for export_format in FORMATS.values():
        if export_format.recognizes(path):
            return export_format
    raise ValueError(
        "`path` must be a folder with `saved_model.pb` or `model.xml`, or a "
        f"file ending in `.onnx` or `.tflite`. Received: {path}"
    )


def _load_images(images: Any) -> list[np.ndarray]:
    if not isinstance(images, list | tuple):
        images = [images]
    return [load_image(image) for image in images]
