"""LiteRT's files (`.tflite`): how they are written and asked."""

import pathlib
import tempfile

from keras_efficient.export.tf_onnx import run_in_batches
from keras_efficient.export.tf_signatures import numeric_function

SIGNATURE = "images"


def write(model, spec, path, settings):
    """Writes a `.tflite` file.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassifierSpec` or `DetectorSpec`.
        path: `pathlib.Path` of the file to write.
        settings: Dict with `"batch_size"`; `"image_size"`, of the images that
            come in, `None` for the network's own; and `"precision"`.

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
    module.images = tf.function(
        lambda images: {name: function(images)[name] for name in names},
        input_signature=[tf.TensorSpec(shape, tf.uint8, "images")],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {SIGNATURE: module.images})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        if settings.get("precision") == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        pathlib.Path(path).write_bytes(converter.convert())


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
