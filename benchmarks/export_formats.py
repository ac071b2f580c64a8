r"""Measure size, difference, speed and accuracy of each export format.

    KERAS_BACKEND=tensorflow python benchmarks/export_formats.py \
        EfficientDetD0 --photos data/photos

Without a file of a trained model the weights are random, which changes neither
sizes nor times. Milliseconds cover all steps for one image, from pixels to
detections or probabilities; Keras and the export take turns. With `--dataset`,
the training split calibrates int8, and the last columns contain the accuracy
on the test split.
"""

import argparse
import contextlib
import io
import pathlib
import re
import statistics
import tempfile
import time

import keras

import keras_efficient
from keras_efficient import data
from keras_efficient import export

WAYS = [
    ("saved_model", "float32"),
    ("onnx", "float32"),
    ("onnx", "float16"),
    ("onnx", "int8"),
    ("openvino", "float32"),
    ("openvino", "float16"),
    ("openvino", "int8"),
    ("litert", "float32"),
    ("litert", "float16"),
    ("litert", "int8"),
]


def main():
    """Print a row for each format and precision."""
    args = parse_arguments()
    keras.utils.set_random_seed(0)
    model = load_model(args.model)
    photos = sorted(pathlib.Path(args.photos).glob("*.jpg"))
    calibration, validation = photos[:20], None
    if args.dataset:
        is_detector = isinstance(model, keras_efficient.EfficientDet)
        kind = "detection" if is_detector else "classification"
        load = getattr(data, f"load_{kind}")
        calibration = load(args.dataset, "train")
        validation = load(args.dataset, args.split)
    image = data.load_image(photos[0])
    way = keras_way(model)
    print(
        f"{args.model} on {keras.backend.backend()}, photo of {image.shape}\n"
        "format | precision | MB | largest difference | ms | Keras ms | "
        "accuracy"
    )
    for name, precision in WAYS:
        arguments = {
            "precision": precision,
            "photos": photos[:3],
            "validation": validation,
        }
        if precision == "int8":
            arguments["calibration"] = calibration
        with tempfile.TemporaryDirectory() as folder:
            row = measure(
                model,
                name,
                pathlib.Path(folder),
                arguments,
                lambda: way(image),
                image,
            )
        print(" | ".join([name, precision, *row]), flush=True)


def measure(model, name, folder, arguments, keras_run, image):
    """Return the size, difference, milliseconds and accuracy of an export."""
    ending = {"onnx": ".onnx", "litert": ".tflite"}.get(name, "/1")
    path = folder / f"model{ending}"
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            getattr(export, name)(model, path, **arguments)
    except export.ExportMismatchError as error:
        return [str(error)]
    size, difference = re.search(
        r"([\d.]+) MB: repeats the model to (\S+);", printed.getvalue()
    ).groups()
    exported = export.load(path)
    is_detector = exported.metadata["task"] == "detection"
    run = exported.detect if is_detector else exported.predict
    own, other = take_turns(keras_run, lambda: run(image))
    accuracy = re.search(r"in Keras; (.*) as", printed.getvalue())
    return [
        size,
        difference,
        f"{other:.1f}",
        f"{own:.1f}",
        accuracy.group(1) if accuracy else "-",
    ]


def take_turns(*functions, runs=15):
    """Return the median milliseconds of each function."""
    times = [[] for _ in functions]
    for run in range(runs + 2):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if run >= 2:
                seconds.append(time.perf_counter() - start)
    return [1000 * statistics.median(seconds) for seconds in times]


def keras_way(model):
    """Return a function that runs all steps for one image in Keras."""
    if isinstance(model, keras_efficient.EfficientDet):
        return lambda image: model.detect(image[None])
    resize = data.ClassificationPreprocessing(model.input_shape[1:3])
    return lambda image: model.predict_on_batch(
        resize(image)[None].astype("float32")
    )


def load_model(name):
    """Load a model from a file, or build one by name with random weights."""
    if name.endswith(".keras"):
        return keras.saving.load_model(name, compile=False)
    builder = getattr(keras_efficient, name)
    if name.startswith("EfficientNet"):
        return builder(weights=None)
    return builder(weights=None, backbone_weights=None)


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a .keras file or a name")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--dataset")
    parser.add_argument("--split", default="test")
    return parser.parse_args()


if __name__ == "__main__":
    main()
