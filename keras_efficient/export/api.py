"""One public function for each export format."""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient.export.pipeline import ExportOptions
from keras_efficient.export.pipeline import run_export
from keras_efficient.export.specs import Preprocessing
from keras_efficient.types import PathLike


def saved_model(
    model: keras.Model,
    path: PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    from_logits: bool | None = None,
    photos: Sequence[PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    validation: Any = None,
    **options: Any,
) -> pathlib.Path:
    """Export a model as a TensorFlow SavedModel that accepts image files.

    The folder contains everything that serving needs: decoding, EXIF
    orientation, preprocessing, the network, non-maximum suppression of
    detectors, and the names of the classes. It needs no Python code of this
    package. Its results for an image file equal those of `detect`, or of a
    classifier called with `preprocessing(load_image(file))`, on every backend.
    On JAX and PyTorch a child process with TensorFlow writes it.

    It has three signatures, for any number of images:

    - `serving_default` accepts `image_bytes`, string `(batch,)`: JPEG, PNG,
      BMP, GIF or WebP files of any size.
    - `images` accepts `images`, uint8 `(batch, height, width, channels)`:
      images of the same size.
    - `raw` accepts `images`, float32 `(batch, height, width, channels)`: images
      in `[0, 255]` of the size of the model's input.

    For classifiers they return `probabilities`, float32 `(batch, classes)`;
    `label`, int64 `(batch,)`; and `class_name`, string `(batch,)`. If classes
    do not exclude each other, they return `predicted`, int64 `(batch,
    classes)`, 1 from the threshold on, in place of the last two. For detectors
    they return `boxes`, float32 `(batch, max_detections, 4)`, `xyxy` in pixels
    of the original image; `scores`, float32, in descending order; `labels`,
    int32, padded with -1; `class_names`, string; and `num_detections`, int32
    `(batch,)`. `raw` returns `class_logits` and `box_deltas`.

    Class names, preprocessing and thresholds are also stored in
    `assets.extra/metadata.json`.

    Args:
        model: An `EfficientDet`; or a functional or Sequential `keras.Model`
            that maps a batch of images in `[0, 255]` to an output of shape
            `(batch, classes)`.
        path: Folder to write. For TensorFlow Serving it ends with a version
            number: `"served/flowers/1"`.
        class_names: Sequence of strings in the order of the model's outputs.
            Defaults to the names stored with the model, or else to the labels.
        preprocessing: A `keras_efficient.data.ClassificationPreprocessing`, or
            `DetectionPreprocessing` for a detector. Defaults to the
            preprocessing of evaluation at the model's input size. Required for
            a model without a fixed input size.
        from_logits: Boolean, whether a classifier's outputs need a softmax, or
            a sigmoid. Defaults to the activation of its last layer.
        photos: Sequence of image files, as paths or bytes, on which the export
            is compared with the model. Defaults to drawn images.
        overwrite: Boolean, whether to replace a folder that is not empty, once
            the new one is complete. Defaults to `False`.
        verify: Boolean, whether to load the export and compare it with the
            model. Defaults to `True`.
        precision: `"float32"`; or `"float16"` or `"bfloat16"` to let the
            network compute in half precision. Defaults to `"float32"`.
        validation: A `data.ClassificationDataset` or `DetectionDataset` on
            which the accuracies of the model and of the export are measured
            and logged. Defaults to `None`.
        **options: For detectors: keyword arguments of
            `postprocessing.postprocess`; `score_threshold` defaults to 0.3,
            as in `detect`. For classifiers: `exclusive` and `threshold`, as
            in `inference.classify`; they default to those of the model.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        FileExistsError: If `path` is a file, or a folder that is not empty
            and `overwrite` is `False`.
        ImportError: If TensorFlow is not installed.
        TypeError: If an argument has a wrong type, or does not apply to the
            model's task.
        ValueError: If the model is neither a detector nor an image classifier,
            if another argument does not match it, or if the child process
            cannot load it.
        ExportMismatchError: If the export returns other results than the
            model. In this case nothing is written.

    Example:
    >>> model = keras_efficient.EfficientNetB0(  # doctest: +SKIP
    ...     weights="pets.keras", classes=2
    ... )
    >>> keras_efficient.export.saved_model(  # doctest: +SKIP
    ...     model, "served/pets/1", class_names=("cat", "dog")
    ... )
    PosixPath('served/pets/1')
    """
    export_options = ExportOptions(
        class_names=class_names,
        preprocessing=preprocessing,
        from_logits=from_logits,
        postprocessing=options,
        precision=precision,
        photos=photos,
        verify=verify,
        validation=validation,
        overwrite=overwrite,
    )
    return run_export("saved_model", model, path, export_options).path


def onnx(
    model: keras.Model,
    path: PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
    image_size: tuple[int, int] | None = None,
    photos: Sequence[PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration: Any = None,
    validation: Any = None,
    **options: Any,
) -> pathlib.Path:
    """Export a model as an ONNX file that accepts images.

    The input is `images`, uint8 `(batch, height, width, channels)`: images of
    the same size. The file contains preprocessing, network and non-maximum
    suppression of detectors. For classifiers the outputs are `probabilities`,
    float32 `(batch, classes)`, and `label`, int64 `(batch,)`, or `predicted`;
    see `saved_model`. For detectors they are `boxes`, float32 `(batch,
    max_detections, 4)`, `xyxy` in pixels of the original image; `scores`,
    float32; `labels`, int32, padded with -1; and `num_detections`, int32
    `(batch,)`. Class names, preprocessing and thresholds are stored in the
    file's metadata, as JSON under `keras_efficient`.

    Args:
        model: See `saved_model`.
        path: File to write, such as `"cells.onnx"`.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: Integer, a fixed number of images. Defaults to `None`, any
            number.
        image_size: `(height, width)`, a fixed size of the images. Defaults to
            `None`, any size.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a file. Defaults to `False`.
        verify: Boolean, whether to run the export in ONNX Runtime and compare
            it with the model. Defaults to `True`.
        precision: `"float32"`, `"float16"` or `"int8"`. Defaults to
            `"float32"`.
        calibration: For int8: a data set or a sequence of images similar to
            those of the application. The ranges of the activations are
            measured on at most 200 of them.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        FileExistsError: If `path` is a folder, or a file and `overwrite` is
            `False`.
        ImportError: If TensorFlow, tf2onnx or ONNX Runtime is not installed.
        TypeError: See `saved_model`.
        ValueError: See `saved_model`.
        ExportMismatchError: See `saved_model`.

    Example:
    >>> keras_efficient.export.onnx(model, "cells.onnx")  # doctest: +SKIP
    PosixPath('cells.onnx')
    """
    export_options = ExportOptions(
        class_names=class_names,
        preprocessing=preprocessing,
        from_logits=from_logits,
        postprocessing=options,
        precision=precision,
        batch_size=batch_size,
        image_size=image_size,
        calibration=calibration,
        photos=photos,
        verify=verify,
        validation=validation,
        overwrite=overwrite,
    )
    return run_export("onnx", model, path, export_options).path


def litert(
    model: keras.Model,
    path: PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    from_logits: bool | None = None,
    batch_size: int = 1,
    image_size: tuple[int, int] | None = None,
    layout: str = "named",
    io_dtype: str | None = None,
    photos: Sequence[PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration: Any = None,
    validation: Any = None,
    **options: Any,
) -> pathlib.Path:
    """Export a model as a LiteRT file, formerly TensorFlow Lite.

    Input and outputs of its signature `images` are those of `onnx`. The number
    and the size of the images are fixed.

    With `io_dtype` the file contains the network alone, for microcontrollers,
    the Edge TPU, and programs that have their own preprocessing. The input is
    `images`, `(batch, height, width, 3)`: RGB pixels in `[0, 255]`, prepared as
    `preprocessing` does, of the size of the network's input. A classifier
    returns `probabilities`, a detector `class_logits`, `(batch, anchors,
    classes)`, and `box_deltas`, `(batch, anchors, 4)`, in this order. The
    numbers that integers stand for are `scale * (integer - zero_point)`, with
    the scale and the zero point that the file states for the tensor. With
    `"int8"` or `"uint8"` no operator computes in floating point. Decoding of
    boxes and non-maximum suppression have no integer version; they remain to
    the caller. `export.load(path)` returns an object whose `predict` and
    `detect` perform all steps.

    With `layout="mediapipe"` the file has the metadata of MediaPipe and the
    Task Library. A classifier, for `ImageClassifier`, is the network alone, as
    with `io_dtype="float32"`; or in integers with `io_dtype="uint8"`.
    MediaPipe stretches each image to the size of the input and does not crop
    its center as `preprocessing` does.

    The outputs of a detector are the four that `ObjectDetector` expects: boxes
    `(1, max_detections, 4)`, `yxyx` as fractions of the image's sides; classes
    and scores `(1, max_detections)`; and the count `(1,)`. The model was
    trained on images of the original aspect ratio. Pass as `image_size` the
    size of the camera's images, or a size of the same aspect ratio; the file
    then scales and pads as `detect` does.

    Args:
        model: See `saved_model`.
        path: File to write, such as `"cells.tflite"`.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: Integer, the number of images. Defaults to 1.
        image_size: `(height, width)` of the images. Defaults to the size of
            the network's input.
        layout: `"named"` or `"mediapipe"`. Defaults to `"named"`.
        io_dtype: `"float32"`, or with `precision="int8"` also `"int8"` or
            `"uint8"`: the dtype of input and outputs of a file with the network
            alone. Defaults to `None`, a file with all steps.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a file. Defaults to `False`.
        verify: Boolean, whether to run the export in LiteRT and compare it
            with the model. Defaults to `True`.
        precision: See `onnx`.
        calibration: See `onnx`.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        FileExistsError: See `onnx`.
        ImportError: If TensorFlow or LiteRT is not installed.
        TypeError: See `saved_model`.
        ValueError: See `saved_model`.
        ExportMismatchError: See `saved_model`.

    Example:
    >>> keras_efficient.export.litert(model, "cells.tflite")  # doctest: +SKIP
    PosixPath('cells.tflite')
    """
    export_options = ExportOptions(
        class_names=class_names,
        preprocessing=preprocessing,
        from_logits=from_logits,
        postprocessing=options,
        precision=precision,
        batch_size=batch_size,
        image_size=image_size,
        layout=layout,
        io_dtype=io_dtype,
        calibration=calibration,
        photos=photos,
        verify=verify,
        validation=validation,
        overwrite=overwrite,
    )
    return run_export("litert", model, path, export_options).path


def openvino(
    model: keras.Model,
    path: PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    from_logits: bool | None = None,
    batch_size: int | None = None,
    image_size: tuple[int, int] | None = None,
    photos: Sequence[PathLike | bytes] = (),
    overwrite: bool = False,
    verify: bool = True,
    precision: str = "float32",
    calibration: Any = None,
    validation: Any = None,
    **options: Any,
) -> pathlib.Path:
    """Export a model for OpenVINO: `model.xml`, `model.bin`, `metadata.json`.

    Input and outputs are those of `onnx`. OpenVINO computes in less than
    float32 on processors that support it, unless `INFERENCE_PRECISION_HINT` is
    set to `"f32"`.

    Args:
        model: See `saved_model`.
        path: Folder to write.
        class_names: See `saved_model`.
        preprocessing: See `saved_model`.
        from_logits: See `saved_model`.
        batch_size: See `onnx`.
        image_size: See `onnx`.
        photos: See `saved_model`.
        overwrite: Boolean, whether to replace a folder that is not empty.
            Defaults to `False`.
        verify: Boolean, whether to run the export in OpenVINO, in float32, and
            compare it with the model. Defaults to `True`.
        precision: See `onnx`.
        calibration: See `onnx`.
        validation: See `saved_model`.
        **options: See `saved_model`.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        FileExistsError: See `saved_model`.
        ImportError: If TensorFlow or OpenVINO is not installed.
        TypeError: See `saved_model`.
        ValueError: See `saved_model`.
        ExportMismatchError: See `saved_model`.

    Example:
    >>> keras_efficient.export.openvino(model, "cells_ov")  # doctest: +SKIP
    PosixPath('cells_ov')
    """
    export_options = ExportOptions(
        class_names=class_names,
        preprocessing=preprocessing,
        from_logits=from_logits,
        postprocessing=options,
        precision=precision,
        batch_size=batch_size,
        image_size=image_size,
        calibration=calibration,
        photos=photos,
        verify=verify,
        validation=validation,
        overwrite=overwrite,
    )
    return run_export("openvino", model, path, export_options).path
