"""Exported models, asked in the runtimes that they were written for."""

import dataclasses
import functools
import importlib
import os
import pathlib
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data.images import load_image
from keras_efficient.data.letterbox import DetectionPreprocessing
from keras_efficient.export.formats.table import FORMATS
from keras_efficient.export.formats.table import require_packages
from keras_efficient.export.verification.samples import fit_image
from keras_efficient.inference.results import Detections


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """A model as its file has it, without Keras.

    Made by `load`. A detector's has `detect`, so that
    `evaluation.evaluate_detection` measures it as it does a model; a
    classifier's has `predict`.

    Attributes:
        format: String: `"saved_model"`, `"onnx"`, `"litert"` or `"openvino"`.
        metadata: Dict of what is written beside the network.
        signatures: Dict from names to functions from one array to a dict of
            arrays: `"images"` in each format, and `"serving_default"` and
            `"raw"` in a SavedModel.
    """

    format: str
    metadata: dict
    signatures: dict[str, Callable]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the outputs."""
        return tuple(self.metadata["class_names"])

    def detect(
        self, images, *, score_threshold: float = 0.0, batch_size: int = 1
    ) -> list[Detections]:
        """Finds objects in images of any size.

        Args:
            images: Sequence of paths, bytes of files or uint8 arrays
                `(height, width, 3)`; or one of these.
            score_threshold: Float; detections below are left out, beside what
                the export leaves out by the threshold that it has inside.
                Defaults to 0.
            batch_size: Not used: images come one by one. Defaults to 1.

        Returns:
            A list of `Detections`, boxes in pixels of each image.

        Raises:
            TypeError: If this is a classifier.
        """
        self._check_task("detection")
        found = []
        for image in _loaded(images):
            rows, scale = self._ask(image)
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

    def predict(self, images) -> np.ndarray:
        """Probabilities of the classes.

        Args:
            images: As `detect` takes them.

        Returns:
            Float32 array `(number of images, classes)`.

        Raises:
            TypeError: If this is a detector.
        """
        self._check_task("classification")
        return np.concatenate(
            [self._ask(image)[0]["probabilities"] for image in _loaded(images)]
        )

    @functools.cached_property
    def _preprocessing(self):
        is_detector = self.metadata["task"] == "detection"
        kind = (
            DetectionPreprocessing
            if is_detector
            else ClassificationPreprocessing
        )
        return kind.from_config(self.metadata["preprocessing"])

    def _ask(self, image):
        size = self.metadata["fixed_image_size"]
        pixels, scale = fit_image(image, self._preprocessing, size)
        return self.signatures["images"](pixels[None]), scale

    def _check_task(self, task):
        if self.metadata["task"] != task:
            raise TypeError(
                f"This export is made for {self.metadata['task']}, not for "
                f"{task}."
            )


def load(path: str | os.PathLike) -> ExportedModel:
    """Loads what `saved_model`, `onnx`, `litert` or `openvino` has written.

    Args:
        path: The folder or file.

    Returns:
        An `ExportedModel`, which runs in TensorFlow, ONNX Runtime, LiteRT or
        OpenVINO, on the processor.

    Raises:
        FileNotFoundError: If there is nothing.
        ImportError: If the runtime is not installed.
        ValueError: If it is no export of this package.

    Example:
    ```python
    exported = keras_efficient.export.load("cells.onnx")
    print(keras_efficient.evaluation.evaluate_detection(exported, test))
    ```
    """
    path = pathlib.Path(path)
    name = _format_of(path)
    require_packages(name)
    module = importlib.import_module(
        f"keras_efficient.export.formats.{FORMATS[name][0]}"
    )
    try:
        metadata = module.read_metadata(path)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} has no metadata of keras_efficient: it was exported by "
            "another program."
        ) from error
    return ExportedModel(name, metadata, module.read(path))


def _format_of(path):
    if not path.exists():
        raise FileNotFoundError(f"There is no export at {path}.")
    if (path / "saved_model.pb").exists():
        return "saved_model"
    if (path / "model.xml").exists():
        return "openvino"
    name = {".onnx": "onnx", ".tflite": "litert"}.get(path.suffix)
    if name is None or path.is_dir():
        raise ValueError(
            "An export is a folder with `saved_model.pb` or `model.xml`, or a "
            f"file `.onnx` or `.tflite`. Received: {path}"
        )
    return name


def _loaded(images) -> Sequence[np.ndarray]:
    if not isinstance(images, list | tuple):
        images = [images]
    return [load_image(image) for image in images]
