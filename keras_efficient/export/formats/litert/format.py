"""LiteRT's files (`.tflite`): how they are written and asked."""

import json
import os
import tempfile

from keras_efficient.export.formats.litert import files
from keras_efficient.export.formats.litert import mediapipe
from keras_efficient.export.formats.litert.quantization import quantize
from keras_efficient.export.formats.onnx.format import run_in_batches
from keras_efficient.export.formats.precision import load_images
from keras_efficient.export.graph.signatures import numeric_function

SIGNATURE = "images"
METADATA_KEY = b"keras_efficient"
# What goes out, and in which order.
LAYOUTS = ("named", "mediapipe")


def write(model, spec, path, settings):
    """Writes a `.tflite` file.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        path: `pathlib.Path` of the file to write.
        settings: Dict with `"batch_size"`; `"image_size"`, of the images that
            come in, `None` for the network's own; `"layout"`, one of
            `LAYOUTS`; `"precision"`; `"calibration"`, the file of images for
            int8; and `"metadata"`.

    Returns:
        Nothing.
    """
    size = settings.get("image_size") or spec.preprocessing.size
    shape = (settings.get("batch_size") or 1, *size, 3)
    is_mediapipe = settings.get("layout") == "mediapipe"
    if is_mediapipe:
        function = mediapipe.make_function(model, spec, size)
    else:
        function, _ = numeric_function(model, spec, settings)
    precision = settings["precision"]
    path.write_bytes(_convert(model, function, shape, precision == "float16"))
    if precision == "int8":
        quantize(path, load_images(settings["calibration"]))
    # Last: other tools do not keep it.
    content = files.unpack(path.read_bytes())
    text = json.dumps(settings["metadata"])
    files.add_metadata(content, METADATA_KEY, text.encode())
    if is_mediapipe:
        packed = mediapipe.describe(content, spec, model.name)
    else:
        packed = files.pack(content)
    path.write_bytes(packed)


def read_metadata(path):
    """What `write` was given as `"metadata"`.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict.
    """
    content = files.unpack(path.read_bytes())
    return json.loads(files.find_metadata(content, METADATA_KEY))


def read(path):
    """The signature of a file as a function of arrays.

    Args:
        path: `pathlib.Path`.

    Returns:
        A dict from its name to a function.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    runner = interpreter.get_signature_runner(SIGNATURE)
    (details,) = runner.get_input_details().values()
    batch, height, width, _ = (int(side) for side in details["shape"])

    def ask(images):
        # The arrays lie in the interpreter's own memory.
        answer = {name: x.copy() for name, x in runner(images=images).items()}
        if set(answer) == set(mediapipe.OUTPUTS):
            return mediapipe.as_rows(answer, (height, width))
        return answer

    def run(images):
        return run_in_batches(ask, images, batch)

    run.interpreter = interpreter  # lives as long as the function
    return {"images": run}


def _convert(model, function, shape, is_float16):
    """Turns a function of images into a file.

    Args:
        model: The `keras.Model` that the function calls.
        function: From a uint8 tensor to a dict of tensors.
        shape: Shape of what goes in, `(batch, height, width, 3)`.
        is_float16: Boolean, whether weights are stored in half the space.

    Returns:
        Bytes.
    """
    import tensorflow as tf

    module = tf.Module()
    # Keras' layers hide them from `tf.Module`.
    module.weights = [variable.value for variable in model.variables]
    module.images = tf.function(
        function,
        input_signature=[tf.TensorSpec(shape, tf.uint8, "images")],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {SIGNATURE: module.images})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        if is_float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
