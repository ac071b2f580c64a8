"""Which settings of a LiteRT file go together."""

import dataclasses

from keras_efficient.export.formats.export_format import ExportSettings
from keras_efficient.export.specs import DetectionSpec
from keras_efficient.export.specs import Spec

# Names and order of the outputs.
LAYOUTS = ("named", "mediapipe")
# Dtypes of input and outputs of a file with the network alone.
INTEGERS = ("int8", "uint8")
IO_DTYPES = ("float32", *INTEGERS)


def standardize(spec: Spec, settings: ExportSettings) -> ExportSettings:
    """Validate the settings and fill in their defaults.

    Args:
        spec: The description of the model.
        settings: `ExportSettings` as requested by the user.

    Returns:
        `ExportSettings` with a batch size and an image size.

    Raises:
        ValueError: If a setting is out of range, or if two of them contradict
            each other.
    """
    if settings.layout not in LAYOUTS:
        raise ValueError(
            f"`layout` must be one of {LAYOUTS}. Received: "
            f"layout={settings.layout!r}"
        )
    is_for_tasks = settings.layout == "mediapipe"
    io_dtype = settings.io_dtype
    if is_for_tasks and not isinstance(spec, DetectionSpec):
        # The image classifier of MediaPipe accepts the network alone.
        io_dtype = io_dtype or "float32"
    settings = dataclasses.replace(
        settings,
        batch_size=settings.batch_size or 1,
        image_size=settings.image_size or spec.preprocessing.size,
        io_dtype=io_dtype,
    )
    if is_for_tasks:
        _check_mediapipe(spec, settings)
    if io_dtype is not None:
        _check_network_alone(spec, settings)
    return settings


def _check_network_alone(spec: Spec, settings: ExportSettings) -> None:
    """Raise an error for settings that contradict `io_dtype`."""
    if settings.io_dtype not in IO_DTYPES:
        raise ValueError(
            f"`io_dtype` must be None or one of {IO_DTYPES}. Received: "
            f"io_dtype={settings.io_dtype!r}"
        )
    if settings.io_dtype in INTEGERS and settings.precision != "int8":
        raise ValueError(
            f"io_dtype={settings.io_dtype!r} quantizes the whole network: pass "
            'precision="int8" and `calibration`, a data set or a few hundred '
            "images similar to those of the application, which determine the "
            f"scales of the integers. Received: precision="
            f"{settings.precision!r}"
        )
    if settings.image_size != spec.preprocessing.size:
        raise ValueError(
            "A file with `io_dtype`, or for the image classifier of MediaPipe, "
            "contains the network alone, whose input has the size "
            f"{spec.preprocessing.size}; omit `image_size`. Received: "
            f"image_size={settings.image_size}"
        )


def _check_mediapipe(spec: Spec, settings: ExportSettings) -> None:
    """Raise an error for settings that MediaPipe does not support."""
    if settings.batch_size != 1:
        raise ValueError(
            "MediaPipe processes one image at a time. Received: "
            f"batch_size={settings.batch_size}"
        )
    if not isinstance(spec, DetectionSpec):
        if settings.io_dtype == "int8":
            raise ValueError(
                "The image classifier of MediaPipe accepts files whose "
                '`io_dtype` is "float32" or "uint8". Received: '
                f"io_dtype={settings.io_dtype!r}"
            )
        return
    if settings.io_dtype is not None:
        raise ValueError(
            "A detector for MediaPipe contains non-maximum suppression, which "
            "has no integer version, and accepts uint8 images. Omit "
            '`io_dtype`, or omit layout="mediapipe" to export the network '
            f"alone. Received: io_dtype={settings.io_dtype!r}"
        )
    is_resized = settings.image_size != spec.preprocessing.size
    if spec.preprocessing.antialias and is_resized:
        raise ValueError(
            "MediaPipe does not accept files with loops, which scaling with "
            "`antialias=True` needs. Pass `preprocessing=DetectionPreprocessing"
            "(size, antialias=False)`, or omit `image_size`. Received: "
            f"image_size={settings.image_size}, "
            f"preprocessing={spec.preprocessing}"
        )
