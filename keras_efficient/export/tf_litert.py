"""LiteRT's files (`.tflite`): how they are written and asked."""

import json
import tempfile

import numpy as np

from keras_efficient.export.litert_quantization import quantize
from keras_efficient.export.precision import load_images
from keras_efficient.export.tf_onnx import run_in_batches
from keras_efficient.export.tf_signatures import numeric_function

SIGNATURE = "images"
METADATA_KEY = b"keras_efficient"
FILE_IDENTIFIER = b"TFL3"


def write(model, spec, path, settings):
    """Writes a `.tflite` file.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassifierSpec` or `DetectorSpec`.
        path: `pathlib.Path` of the file to write.
        settings: Dict with `"batch_size"`; `"image_size"`, of the images that
            come in, `None` for the network's own; `"precision"`;
            `"calibration"`, the file of images for int8; and `"metadata"`.

    Returns:
        Nothing.
    """
    import tensorflow as tf

    function, names = numeric_function(model, spec)
    size = settings.get("image_size") or spec.preprocessing.size
    shape = (settings.get("batch_size") or 1, *size, 3)
    module = tf.Module()
    # Keras' layers hide them from `tf.Module`.
    module.weights = [variable.value for variable in model.variables]

    def answer(images):
        # Asked once: each call would put the whole network into the file.
        outputs = function(images)
        return {name: outputs[name] for name in names}

    module.images = tf.function(
        answer,
        input_signature=[tf.TensorSpec(shape, tf.uint8, "images")],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {SIGNATURE: module.images})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        if settings["precision"] == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
    if settings["precision"] == "int8":
        quantize(path, load_images(settings["calibration"]))
    _add_metadata(path, settings["metadata"])


def read_metadata(path):
    """What `write` was given as `"metadata"`.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict.
    """
    content = _unpack(path)
    (number,) = (
        entry.buffer for entry in content.metadata if entry.name == METADATA_KEY
    )
    return json.loads(bytes(content.buffers[number].data))


def _add_metadata(path, metadata):
    """Puts JSON into a file, where its format leaves room for others."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    content = _unpack(path)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(metadata).encode(), "uint8")
    content.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_KEY, len(content.buffers) - 1
    content.metadata = [*(content.metadata or ()), entry]
    builder = flatbuffers.Builder(path.stat().st_size)
    builder.Finish(content.Pack(builder), file_identifier=FILE_IDENTIFIER)
    path.write_bytes(builder.Output())


def _unpack(path):
    from ai_edge_litert import schema_py_generated as schema

    packed = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    return schema.ModelT.InitFromObj(packed)


def read(path):
    """The signature of a file as a function of arrays.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict from its name to a function.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner(SIGNATURE)
    (details,) = runner.get_input_details().values()
    batch = int(details["shape"][0])

    def ask(images):
        # The arrays lie in the interpreter's own memory.
        return {name: x.copy() for name, x in runner(images=images).items()}

    def run(images):
        return run_in_batches(ask, images, batch)

    run.interpreter = interpreter  # lives as long as the function
    return {"images": run}
