"""One function for each format."""

import os
import pathlib
from collections.abc import Sequence

import keras

from keras_efficient.export.pipeline import Trial
from keras_efficient.export.pipeline import run_export


def saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing=None,
    from_logits: bool | None = None,
    photos: Sequence[str | os.PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    validation=None,
    **options,
) -> pathlib.Path:
    """Writes a model as a TensorFlow SavedModel that takes image files.

    The folder holds all that serving needs: decoding, the orientation that a
    camera notes (EXIF), preprocessing, the model, of detectors also
    non-maximum suppression, and the names of the classes; no Python code of
    this package. What it says of an image file equals what `detect` says, or
    `preprocessing(load_image(file))` given to a classifier, on each backend.
    On JAX and PyTorch a child process with TensorFlow writes it.

    It has three signatures, for any number of images from 1 on:

    - `serving_default` takes `image_bytes`, string `(batch,)`: JPEG or PNG
      files of any sizes; BMP, GIF and WebP do as well.
    - `images` takes `images`, uint8 `(batch, height, width, 3)`: RGB images
      of any one size.
    - `raw` takes `images`, float32 `(batch, height, width, 3)`: RGB in
      `[0, 255]`, of the size of the model's input.

    A classifier's give `probabilities`, float32 `(batch, classes)`; `label`,
    int64 `(batch,)`; and `class_name`, string `(batch,)`. A detector's give
    `boxes`, float32 `(batch, max_detections, 4)`, `xyxy` in pixels of the
    image that came in; `scores`, float32, highest first; `labels`, int32, -1
    where there is nothing; `class_names`, string; and `num_detections`, int32
    `(batch,)`; `raw` gives `class_logits` and `box_deltas`.

    Names, preprocessing and thresholds are also in
    `assets.extra/metadata.json`.

    Args:
        model: An `EfficientDet`; or a `keras.Model`, functional or
            Sequential, from one batch of RGB images in `[0, 255]` to one
            `(batch, classes)`.
        path: The folder to write, for TensorFlow Serving with a number at its
            end: `"served/flowers/1"`.
        class_names: Sequence of strings in the order of the model's outputs.
            Defaults to the model's own, or their numbers.
        preprocessing: A `keras_efficient.data.ClassificationPreprocessing`, or
            `DetectionPreprocessing` for a detector. Defaults to that of
            evaluation at the model's input size; a model without a fixed one
            needs it.
        from_logits: Boolean, whether a softmax is to follow a classifier's
            last layer. Defaults to what that layer's activation says.
        photos: Image files, or their bytes, to try the result on. Defaults to
            drawn images.
        overwrite: Boolean, whether to replace a folder that is not empty. It
            stays until the new one is complete. Defaults to `False`.
        verify: Boolean, whether to load the result and compare it with the
            model. Defaults to `True`.
        precision: `"float32"`; or `"float16"` or `"bfloat16"`, in which the
            network then computes, for processors that are faster so. Defaults
            to `"float32"`.
        validation: A `data.ClassificationDataset` or `DetectionDataset` to
            measure model and export on; both numbers are printed. Defaults to
            `None`.
        **options: For detectors: keyword arguments of
            `postprocessing.postprocess`; `score_threshold` defaults to 0.3,
            as in `detect`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        FileExistsError: If `path` is a file, or a folder that is not empty
            and `overwrite` is `False`.
        ImportError: If TensorFlow is not installed.
        TypeError: If an argument is of another class, or of no use.
        ValueError: If the model is no detector and no classifier of images,
            if another argument does not fit to it, or if a child process
            cannot load it.
        ExportMismatchError: If the result says otherwise than the model; then
            nothing is written.

    Example:
    >>> model = keras_efficient.EfficientNetB0(  # doctest: +SKIP
    ...     weights="pets.keras", classes=2
    ... )
    >>> keras_efficient.export.saved_model(  # doctest: +SKIP
    ...     model, "served/pets/1", class_names=("cat", "dog")
    ... )
    PosixPath('served/pets/1')
    """
    return run_export(
        "saved_model",
        model,
        path,
        (class_names, preprocessing, from_logits, options),
        {"precision": precision},
        Trial(photos, verify, validation),
        overwrite=overwrite,
    )


def onnx(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing=None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
    image_size: tuple[int, int] | None = None,
    photos: Sequence[str | os.PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration=None,
    validation=None,
    **options,
) -> pathlib.Path:
    """Writes a model as an ONNX file that takes images.

    Input: `images`, uint8 `(batch, height, width, 3)`, RGB images of any one
    size. Preprocessing, network and, of detectors, non-maximum suppression
    are inside. Outputs of a classifier: `probabilities`, float32 `(batch,
    classes)`, and `label`, int64 `(batch,)`; of a detector: `boxes`, float32
    `(batch, max_detections, 4)`, `xyxy` in pixels of the image that came in;
    `scores`, float32; `labels`, int32, -1 where there is nothing; and
    `num_detections`, int32 `(batch,)`. Names, preprocessing and thresholds
    are in the file's metadata, as JSON under `keras_efficient`.

    Args:
        model: As `saved_model` takes it.
        path: The file to write, such as `"cells.onnx"`.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: Integer, the number of images, if it is to be fixed.
            Defaults to `None`: any.
        image_size: `(height, width)` of the images, if it is to be fixed.
            Defaults to `None`: any.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a file. Defaults to `False`.
        verify: Boolean, whether to run the result in ONNX Runtime and compare
            it with the model. Defaults to `True`.
        precision: `"float32"`, `"float16"` or `"int8"`. Defaults to
            `"float32"`.
        calibration: For int8: a data set or a sequence of images like those
            to come; up to 200 of them show in which ranges numbers lie.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        FileExistsError: If there is a folder at `path`, or a file and
            `overwrite` is `False`.
        ImportError: If TensorFlow, tf2onnx or ONNX Runtime is not installed.
        TypeError: If an argument is of another class, or of no use.
        ValueError: If an argument does not fit to the model.
        ExportMismatchError: If the result says otherwise than the model; then
            nothing is written.

    Example:
    >>> keras_efficient.export.onnx(model, "cells.onnx")  # doctest: +SKIP
    PosixPath('cells.onnx')
    """
    return run_export(
        "onnx",
        model,
        path,
        (class_names, preprocessing, from_logits, options),
        {
            "precision": precision,
            "batch_size": batch_size,
            "image_size": image_size,
        },
        Trial(photos, verify, validation),
        calibration=calibration,
        overwrite=overwrite,
    )


def litert(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing=None,
    from_logits: bool | None = None,
    batch_size: int = 1,
    image_size: tuple[int, int] | None = None,
    layout: str = "named",
    photos: Sequence[str | os.PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration=None,
    validation=None,
    **options,
) -> pathlib.Path:
    """Writes a model as a file of LiteRT, once TensorFlow Lite.

    Input and outputs, by the signature `images`, are those of `onnx`; the
    batch and the size of the images are fixed.

    With `layout="mediapipe"` a detector's outputs are the four that
    MediaPipe's `ObjectDetector` and the Task Library read, beside metadata for
    them: boxes `(1, max_detections, 4)`, `yxyx` in shares of the image;
    classes and scores `(1, max_detections)`; and their count `(1,)`. MediaPipe
    **stretches** every image to the file's height and width, but the model
    was trained on images that keep their shape. Give `image_size`, the size
    of the camera's images or one of their ratio: the file then scales and
    fills as `detect` does.

    Args:
        model: As `saved_model` takes it.
        path: The file to write, such as `"cells.tflite"`.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: Integer, the number of images. Defaults to 1.
        image_size: `(height, width)` of the images. Defaults to the size that
            the network takes.
        layout: `"named"` or `"mediapipe"`. Defaults to `"named"`.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a file. Defaults to `False`.
        verify: Boolean, whether to run the result in LiteRT and compare it
            with the model. Defaults to `True`.
        precision: See `onnx`.
        calibration: See `onnx`.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        FileExistsError: If there is a folder at `path`, or a file and
            `overwrite` is `False`.
        ImportError: If TensorFlow or LiteRT is not installed.
        TypeError: If an argument is of another class, or of no use.
        ValueError: If an argument does not fit to the model.
        ExportMismatchError: If the result says otherwise than the model; then
            nothing is written.

    Example:
    >>> keras_efficient.export.litert(model, "cells.tflite")  # doctest: +SKIP
    PosixPath('cells.tflite')
    """
    return run_export(
        "litert",
        model,
        path,
        (class_names, preprocessing, from_logits, options),
        {
            "precision": precision,
            "batch_size": batch_size,
            "image_size": image_size,
            "layout": layout,
        },
        Trial(photos, verify, validation),
        calibration=calibration,
        overwrite=overwrite,
    )


def openvino(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing=None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
    image_size: tuple[int, int] | None = None,
    photos: Sequence[str | os.PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration=None,
    validation=None,
    **options,
) -> pathlib.Path:
    """Writes a model for OpenVINO: `model.xml`, `model.bin`, `metadata.json`.

    Input and outputs are those of `onnx`. OpenVINO computes in less than
    float32 where the processor can; `INFERENCE_PRECISION_HINT` says otherwise.

    Args:
        model: As `saved_model` takes it.
        path: The folder to write.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: Integer, the number of images, if it is to be fixed.
            Defaults to `None`: any.
        image_size: `(height, width)` of the images, if it is to be fixed.
            Defaults to `None`: any.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a folder that is not empty.
            Defaults to `False`.
        verify: Boolean, whether to run the result in OpenVINO, in float32,
            and compare it with the model. Defaults to `True`.
        precision: See `onnx`.
        calibration: See `onnx`.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path`, a `pathlib.Path`.

    Raises:
        FileExistsError: If `path` is a file, or a folder that is not empty
            and `overwrite` is `False`.
        ImportError: If TensorFlow or OpenVINO is not installed.
        TypeError: If an argument is of another class, or of no use.
        ValueError: If an argument does not fit to the model.
        ExportMismatchError: If the result says otherwise than the model; then
            nothing is written.

    Example:
    >>> keras_efficient.export.openvino(model, "cells_ov")  # doctest: +SKIP
    PosixPath('cells_ov')
    """
    return run_export(
        "openvino",
        model,
        path,
        (class_names, preprocessing, from_logits, options),
        {
            "precision": precision,
            "batch_size": batch_size,
            "image_size": image_size,
        },
        Trial(photos, verify, validation),
        calibration=calibration,
        overwrite=overwrite,
    )
