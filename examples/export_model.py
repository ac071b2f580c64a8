"""Export a trained model to every format and run each of them.

    python examples/export_model.py cells_run/model.keras --photo cell.jpg

`finetune_detection.py` and `finetune_classification.py` write
`cells_run/model.keras`. With `--calibration`, a folder of images similar to
those of the application, the model is also exported in int8.
"""

import argparse
import pathlib
import statistics
import time

import keras
import numpy as np

import keras_efficient

# The file or folder name of each format, and its precisions.
FORMATS = {
    "saved_model": ("saved_model/1", ("float32",)),
    "onnx": ("model-{}.onnx", ("float32", "float16", "int8")),
    "openvino": ("openvino-{}", ("float32", "float16", "int8")),
    "litert": ("model-{}.tflite", ("float32", "float16", "int8")),
}


def main():
    """Export the model to each format, run the exports and print a table."""
    args = parse_arguments()
    model = keras.saving.load_model(args.model, compile=False)
    image = keras_efficient.data.load_image(args.photo)
    rows = []
    for name in args.formats:
        file, precisions = FORMATS[name]
        for precision in precisions:
            if precision == "int8" and args.calibration is None:
                continue
            path = pathlib.Path(args.directory) / file.format(precision)
            export(model, name, path, precision, args)
            exported = keras_efficient.export.load(path)
            milliseconds, result = measure(exported, image)
            size = megabytes(path)
            rows.append((name, precision, size, milliseconds, result))
    print(f"\n{'format':<12}{'precision':<10}{'MB':>6}{'ms':>8}  {args.photo}")
    for name, precision, size, milliseconds, result in rows:
        print(
            f"{name:<12}{precision:<10}{size:>6.1f}{milliseconds:>8.1f}  "
            f"{result}"
        )


def export(model, name, path, precision, args):
    """Export a model to one format and compare the export with the model."""
    arguments = {}
    if precision == "int8":
        folder = pathlib.Path(args.calibration)
        arguments["calibration"] = [
            file
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in (".jpg", ".jpeg", ".png")
        ]
    getattr(keras_efficient.export, name)(
        model,
        path,
        precision=precision,
        photos=[args.photo],
        overwrite=True,
        **arguments,
    )


def measure(exported, image):
    """Return the run time for one image in milliseconds, and the result."""
    is_detector = exported.metadata["task"] == "detection"
    times = []
    for _ in range(6):
        start = time.perf_counter()
        if is_detector:
            (result,) = exported.detect(image)
        else:
            (result,) = exported.predict(image)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:]), describe(exported, result)


def describe(exported, result):
    """Return a short description of a result."""
    if exported.metadata["task"] == "detection":
        names, counts = np.unique(result.names, return_counts=True)
        found = [f"{n} {name}" for name, n in zip(names, counts, strict=True)]
        return ", ".join(found) or "nothing"
    best = int(result.argmax())
    return f"{exported.class_names[best]} {result[best]:.1%}"


def megabytes(path):
    """Return the size of a file or folder in megabytes."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help=".keras file")
    parser.add_argument(
        "--photo", required=True, help="image to run the exports on"
    )
    parser.add_argument("--calibration", help="folder of images for int8")
    parser.add_argument("--directory", default="exported")
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=list(FORMATS)
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
