"""ONNX files: how they are written and asked.

The one signature is `"images"`, without strings, which not every runtime
knows.
"""

import json
import tempfile

import numpy as np

from keras_efficient.export.formats.onnx.precision import quantize
from keras_efficient.export.formats.onnx.precision import to_float16
from keras_efficient.export.formats.precision import load_images
from keras_efficient.export.graph.signatures import numeric_function

OPSET = 17
METADATA_KEY = "keras_efficient"


def write(model, spec, path, settings):
    """Writes an ONNX file.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        path: `pathlib.Path` of the file to write.
        settings: Dict with `"batch_size"`, `None` for any; and
            `"image_size"`, of the images that come in, `None` for any;
            `"precision"`; `"calibration"`, the file of images for int8; and
            `"metadata"`.

    Returns:
        Nothing.
    """
    import onnx
    import tensorflow as tf

    function, names = numeric_function(model, spec, settings)
    size = settings.get("image_size") or (None, None)
    shape = (settings.get("batch_size"), *size, 3)
    graph = tf.function(
        lambda images: list(function(images).values()),
        input_signature=[tf.TensorSpec(shape, tf.uint8, "images")],
    )
    proto = _simplify(convert(graph.get_concrete_function()))
    _rename(proto.graph, [x.name for x in proto.graph.output], names)
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(settings["metadata"])
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))
    if settings["precision"] == "float16":
        to_float16(path)
    if settings["precision"] == "int8":
        quantize(path, load_images(settings["calibration"]))


def read_metadata(path):
    """What `write` was given as `"metadata"`.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict.
    """
    import onnx

    proto = onnx.load(str(path))
    entries = {entry.key: entry.value for entry in proto.metadata_props}
    return json.loads(entries[METADATA_KEY])


def read(path):
    """The signature of an ONNX file as a function of arrays.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict from its name to a function.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [x.name for x in session.get_outputs()]
    batch = session.get_inputs()[0].shape[0]

    def run(images):
        return run_in_batches(
            lambda part: dict(
                zip(names, session.run(None, {"images": part}), strict=True)
            ),
            images,
            batch if isinstance(batch, int) else None,
        )

    return {"images": run}


def run_in_batches(function, images, batch_size):
    """Answers of a function that takes so many images at a time.

    Args:
        function: From an array to a dict of arrays.
        images: Array `(number, ...)`.
        batch_size: Integer; `None` for any number.

    Returns:
        A dict of arrays for all images.
    """
    if batch_size is None:
        return function(images)
    parts = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        missing = batch_size - len(part)
        filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
        answer = function(filled)
        parts.append({k: x[: len(part)] for k, x in answer.items()})
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def convert(function):
    """A concrete function as an ONNX model.

    Without the passes of tf2onnx over the finished graph: they take minutes,
    and those of ONNX Runtime do the same in a second.
    """
    import tensorflow as tf
    import tf2onnx

    inputs, outputs = (
        [x.name for x in tensors if x.dtype != tf.resource]
        for tensors in (function.inputs, function.outputs)
    )
    with tf.device("/cpu:0"):
        frozen = tf2onnx.tf_loader.from_function(function, inputs, outputs)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = tf2onnx.tfonnx.process_tf_graph(
                graph, opset=OPSET, input_names=inputs, output_names=outputs
            )
    (name,) = (x.split(":")[0] for x in inputs)
    proto = converted.make_model(name)
    _rename(proto.graph, inputs, [name])
    return proto


def _simplify(proto):
    """Folds constants and batch norms, and removes transpositions."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    )
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = f"{folder}/model.onnx"
        onnxruntime.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        simplified = onnx.load(options.optimized_model_filepath)
    # Of all sets of operators that ONNX Runtime knows it notes the versions.
    (standard,) = (x for x in proto.opset_import if not x.domain)
    del simplified.opset_import[:]
    simplified.opset_import.append(standard)
    return simplified


def _rename(graph, old, new):
    """Gives inputs or outputs of a graph other names."""
    names = dict(zip(old, new, strict=True))
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for places in (node.input, node.output):
            for i, name in enumerate(places):
                places[i] = names.get(name, name)
