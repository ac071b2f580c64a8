"""TensorFlow SavedModels: how they are written and asked."""

import keras

from keras_efficient.export.tf_signatures import make_signatures

# The place that TensorFlow leaves to others in the folder of a SavedModel.
EXTRA_FOLDER = "assets.extra"
WARMUP_FILE = "tf_serving_warmup_requests"


def write(model, spec, folder, settings):
    """Writes a SavedModel with all signatures.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassifierSpec` or `DetectorSpec`.
        folder: `pathlib.Path` of the folder to write into.
        settings: Dict with `"warmup"`, an image file as TensorFlow Serving
            gets it once before it answers to others, in base64.

    Returns:
        Nothing.
    """
    # Not `archive.track(model)`: Keras 3.15 then writes all weights twice.
    archive = keras.export.ExportArchive()
    for name, signature in make_signatures(model, spec).items():
        archive.add_endpoint(
            name, signature.function, input_signature=[signature.input_spec]
        )
    archive.write_out(str(folder), verbose=False)


def read(folder):
    """The signatures of a SavedModel as functions of arrays.

    Args:
        folder: `pathlib.Path`.

    Returns:
        A dict from names to functions.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def make_function(signature):
        (name,) = signature.structured_input_signature[1]

        def run(values):
            answer = signature(**{name: tf.constant(values)})
            return {key: x.numpy() for key, x in answer.items()}

        # The signatures live as long as what was loaded.
        run.loaded = loaded
        return run

    return {
        name: make_function(signature)
        for name, signature in loaded.signatures.items()
    }
