r"""Size, difference, speed and accuracy of every export format and of Keras.

    KERAS_BACKEND=tensorflow python benchmarks/export_formats.py \
        EfficientDetD0 --photos ../shared/data/coco_val_mini/images

The weights of a model given by name are random, which affects neither sizes nor
times. Times are those of one image with all steps, from pixels to detections or
probabilities; Keras and the export run in alternation. With `--dataset` the
last column has accuracies on its test split; its training split calibrates
int8.
"""

import argparse
import logging
import pathlib
import statistics
import tempfile
import time

import keras

import keras_efficient
from keras_efficient import data
from keras_efficient import export
from keras_efficient.export.pipeline import ExportOptions
from keras_efficient.export.pipeline import run_export

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
    # The table has what `run_export` logs.
    logging.getLogger("keras_efficient.export").setLevel(logging.WARNING)
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
        options = ExportOptions(
            precision=precision,
            photos=photos[:3],
            validation=validation,
            calibration=calibration if precision == "int8" else None,
        )
        with tempfile.TemporaryDirectory() as folder:
            row = measure(
                model,
                name,
                pathlib.Path(folder),
                options,
                lambda: way(image),
                image,
            )
        print(" | ".join([name, precision, *row]), flush=True)


def measure(model, name, folder, options, keras_run, image):
    """Return a row: size, difference, milliseconds, and accuracy."""
    ending = {"onnx": ".onnx", "litert": ".tflite"}.get(name, "/1")
    path = folder / f"model{ending}"
    try:
        report = run_export(name, model, path, options)
    except export.ExportMismatchError as error:
        return [str(error)]
    exported = export.load(path)
    is_detector = exported.metadata["task"] == "detection"
    run = exported.detect if is_detector else exported.predict
    own, other = take_turns(keras_run, lambda: run(image))
    metrics = report.export_metrics or {}
    return [
        f"{report.megabytes:.1f}",
        f"{report.difference:.1e}",
        f"{other:.1f}",
        f"{own:.1f}",
        ", ".join(f"{key} {x:.3f}" for key, x in metrics.items()) or "-",
    ]


def take_turns(*functions, runs=15):
    """Return the median run time of each function, in milliseconds."""
    times = [[] for _ in functions]
    for run in range(runs + 2):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if run >= 2:
                seconds.append(time.perf_counter() - start)
    return [1000 * statistics.median(seconds) for seconds in times]


def keras_way(model):
    """Return a function from an image to the results, in Keras."""
    if isinstance(model, keras_efficient.EfficientDet):
        return lambda image: model.detect(image[None])
    resize = data.ClassificationPreprocessing(model.input_shape[1:3])
    return lambda image: model.predict_on_batch(
        resize(image)[None].astype("float32")
    )


def load_model(name):
    """Load a file, or build a model by name with random weights."""
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
