"""The signatures of an exported classifier, in TensorFlow."""

import keras

from keras_efficient.export.classifier_spec import fill_inputs
from keras_efficient.export.tf_decoding import decode_image
from keras_efficient.export.tf_resampling import preprocess_image


def write_saved_model(model, spec, folder):
    """Writes a SavedModel with its two signatures.

    Args:
        model: A `keras.Model`, on the TensorFlow backend.
        spec: Its `ClassifierSpec`.
        folder: Path of the folder to write into.

    Returns:
        Nothing.
    """
    import tensorflow as tf

    classify = _classifier(model, spec)

    def classify_files(image_bytes):
        return classify(tf.cast(_read_images(image_bytes, spec), tf.float32))

    # Not `archive.track(model)`: Keras 3.15 then writes all weights twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serving_default",
        classify_files,
        input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")],
    )
    archive.add_endpoint(
        "images",
        classify,
        input_signature=[
            tf.TensorSpec((None, *spec.image_size, 3), tf.float32, "images")
        ],
    )
    archive.write_out(str(folder), verbose=False)


def _read_images(image_bytes, spec):
    """Encoded images -> `(batch, height, width, 3)`, uint8."""
    import tensorflow as tf

    def read_image(encoded):
        return preprocess_image(decode_image(encoded), spec.preprocessing)

    # Strings and whole numbers belong on the processor, also beside a GPU.
    with tf.device("/CPU:0"):
        return tf.map_fn(
            read_image,
            image_bytes,
            fn_output_signature=tf.TensorSpec(
                (*spec.preprocessing.size, 3), tf.uint8
            ),
        )


def _classifier(model, spec):
    import tensorflow as tf

    dtype = model.inputs[0].dtype

    def classify(images):
        inputs = tf.cast(images, dtype)
        if spec.is_channels_first:
            inputs = tf.transpose(inputs, (0, 3, 1, 2))
        outputs = model(fill_inputs(model, inputs), training=False)
        (outputs,) = keras.tree.flatten(outputs)
        outputs = tf.cast(outputs, tf.float32)
        probabilities = tf.nn.softmax(outputs) if spec.from_logits else outputs
        labels = tf.argmax(probabilities, axis=-1)
        return {
            "probabilities": probabilities,
            "label": labels,
            "class_name": tf.gather(tf.constant(spec.class_names), labels),
        }

    return classify
