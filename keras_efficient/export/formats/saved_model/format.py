"""TensorFlow SavedModels: how they are written and asked."""

import json

import keras

from keras_efficient.export.formats.precision import with_precision
from keras_efficient.export.formats.saved_model.warmup import warmup_record
from keras_efficient.export.graph.signatures import make_signatures
from keras_efficient.export.verification.samples import make_samples

# The place that TensorFlow leaves to others in the folder of a SavedModel.
EXTRA_FOLDER = "assets.extra"
METADATA_FILE = "metadata.json"
WARMUP_FILE = "tf_serving_warmup_requests"


def write(model, spec, folder, settings):
    """Writes a SavedModel with all signatures.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassificationSpec` or `DetectionSpec`.
        folder: `pathlib.Path` of the folder to write into.
        settings: Dict with `"metadata"`, `"precision"`, and `"served_name"`,
            the model's for TensorFlow Serving.

    Returns:
        Nothing.
    """
    import tensorflow as tf

    if settings["precision"] != "float32":
        model = with_precision(model, settings["precision"])
    # Not `archive.track(model)`: Keras 3.15 then writes all weights twice.
    archive = keras.export.ExportArchive()
    for name, signature in make_signatures(model, spec).items():
        archive.add_endpoint(
            name, signature.function, input_signature=[signature.input_spec]
        )
    archive.write_out(str(folder), verbose=False)
    extra = folder / EXTRA_FOLDER
    extra.mkdir(exist_ok=True)
    text = json.dumps(settings["metadata"], indent=2, ensure_ascii=False)
    (extra / METADATA_FILE).write_text(text + "\n", encoding="utf-8")
    image = make_samples(spec.preprocessing.size).files[-1]
    with tf.io.TFRecordWriter(str(extra / WARMUP_FILE)) as file:
        file.write(warmup_record(image, settings["served_name"]))


def read_metadata(folder):
    """What `write` was given as `"metadata"`.

    Args:
        folder: `pathlib.Path`.

    Returns:
        A dict.
    """
    file = folder / EXTRA_FOLDER / METADATA_FILE
    return json.loads(file.read_text(encoding="utf-8"))


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
