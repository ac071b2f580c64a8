"""The formats, and how one is written and tried."""

import importlib
import importlib.util
import pathlib
import statistics
import tempfile
import time

from keras_efficient.fusing import fuse

# Name of a format: its module, and the packages that writing and trying need.
FORMATS = {
    "saved_model": ("saved_model.format", ("tensorflow",)),
    "onnx": ("onnx.format", ("tensorflow", "tf2onnx", "onnxruntime")),
    "litert": ("litert.format", ("tensorflow", "ai_edge_litert")),
    "openvino": ("openvino.format", ("tensorflow", "openvino")),
}
# What int8, or float16, needs beside these.
PRECISION_PACKAGES = {
    ("litert", "int8"): ("ai_edge_quantizer",),
    ("openvino", "int8"): ("nncf",),
}
# Those that are written as folders.
FOLDERS = ("saved_model", "openvino")
TIMED_RUNS = 5


def require_packages(name, precision="float32"):
    """Raises an error where a format's packages are missing.

    Args:
        name: String, the format.
        precision: String, in what it is written. Defaults to `"float32"`.

    Returns:
        Nothing.

    Raises:
        ImportError: If one is missing; the message says how to install it.
    """
    needed = FORMATS[name][1] + PRECISION_PACKAGES.get((name, precision), ())
    missing = [package for package in needed if not _is_installed(package)]
    if missing:
        extras = "export,quantize" if precision == "int8" else "export"
        raise ImportError(
            f"Exporting to {name!r} needs {', '.join(missing)}, whatever the "
            "backend of the model. Run `pip install "
            f'"keras-efficient[{extras}]"`.'
        )


def write_and_try(name, model, spec, path, settings, check):
    """Writes a model and compares what was written with it.

    Args:
        name: String, the format.
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        path: `pathlib.Path` of the file or folder to write.
        settings: Dict of the format's settings.
        check: A `Check`, or `None` for no comparison.

    Returns:
        A dict with the largest `"difference"` and the `"milliseconds"` of one
        image in the format's runtime; both `None` without comparison.

    Raises:
        ExportMismatchError: If the difference is too large.
    """
    module = importlib.import_module(
        f"keras_efficient.export.formats.{FORMATS[name][0]}"
    )
    # Writers fold batch norm by themselves, where they see it; not at all
    # behind a convolution that several levels of a head share.
    model = fuse(model)
    module.write(model, spec, path, settings)
    if check is None:
        return {"difference": None, "milliseconds": None}
    signatures = module.read(path)
    difference = check.run(signatures)
    if "network" in check.answers and "raw" not in signatures:
        network = _network_alone(module, model, spec, settings)
        difference = max(difference, check.run(network))
    return {
        "difference": difference,
        "milliseconds": milliseconds(
            lambda: signatures["images"](check.samples.images[:1])
        ),
    }


def _network_alone(module, model, spec, settings):
    """The signature of an export that ends with the network's outputs."""
    settings = {**settings, "layout": "named", "stops_at_network": True}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network"
        if "openvino" in module.__name__:
            path.mkdir()
        module.write(model, spec, path, settings)
        return {"network": module.read(path)["images"]}


def milliseconds(function):
    """The median of several runs, after one that does not count.

    Args:
        function: Function without arguments.

    Returns:
        Float.
    """
    function()
    times = []
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module that tests have taken away
        return False
