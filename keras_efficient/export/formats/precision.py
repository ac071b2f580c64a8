"""In how many digits an exported model computes."""

import keras
import numpy as np

from keras_efficient.data.images import load_image
from keras_efficient.export.verification.samples import fit_image

# For each format, what it can be written in.
PRECISIONS = {
    "saved_model": ("float32", "float16", "bfloat16"),
    "onnx": ("float32", "float16", "int8"),
    "litert": ("float32", "float16", "int8"),
    "openvino": ("float32", "float16", "int8"),
}
# More pictures than these do not move the ranges.
MAX_CALIBRATION_IMAGES = 200


def check_precision(name, precision, calibration):
    """Raises an error where a format cannot be written so.

    Args:
        name: String, the format.
        precision: String, what was asked for.
        calibration: What was given as images to calibrate with, or `None`.

    Returns:
        Nothing.

    Raises:
        ValueError: If the format has no such precision, if int8 lacks images,
            or another precision has some.
    """
    accepted = PRECISIONS[name]
    if precision not in accepted:
        raise ValueError(
            f"`precision` of {name!r} must be one of {accepted}. "
            f"Received: precision={precision!r}"
        )
    is_given = calibration is not None
    if (precision == "int8") != is_given:
        raise ValueError(
            'precision="int8" needs `calibration`, a data set or some hundred '
            "images like those to come, and no other precision has a use for "
            f"it. Received: precision={precision!r}, calibration="
            f"{'given' if is_given else None}"
        )


def calibration_images(source, preprocessing, image_size):
    """Images to calibrate with, of the size that the export takes.

    Args:
        source: A data set, or a sequence of images: paths, bytes or uint8
            arrays.
        preprocessing: That of the export.
        image_size: `(height, width)`, or `None` for the images' own.

    Returns:
        A list of uint8 arrays `(height, width, 3)`.

    Raises:
        ValueError: If there are no images.
    """
    records = getattr(source, "records", None)
    images = source if records is None else [x.image for x in records]
    images = list(images)
    if not images:
        raise ValueError("`calibration` must have at least one image.")
    # All over the set, which may be sorted by class.
    step = max(1, len(images) // MAX_CALIBRATION_IMAGES)
    chosen = images[::step][:MAX_CALIBRATION_IMAGES]
    return [
        fit_image(load_image(image), preprocessing, image_size)[0]
        for image in chosen
    ]


def save_images(path, images):
    """Writes images of any sizes to one `.npz` file."""
    np.savez(path, **{str(i): image for i, image in enumerate(images)})


def load_images(path):
    """The inverse of `save_images`."""
    with np.load(path) as arrays:
        return [arrays[str(i)] for i in range(len(arrays.files))]


def with_precision(model, precision):
    """The same network, computing in half precision.

    Weights and outputs stay float32.

    Args:
        model: A functional `keras.Model`.
        precision: `"float16"` or `"bfloat16"`.

    Returns:
        A `keras.Model`.
    """
    policy = f"mixed_{precision}"

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.InputLayer):
            return type(layer).from_config(config)
        if layer.name not in model.output_names:
            config["dtype"] = policy
        return type(layer).from_config(config)

    cloned = keras.models.clone_model(
        model, clone_function=clone, recursive=True
    )
    cloned.set_weights(model.get_weights())
    return cloned
