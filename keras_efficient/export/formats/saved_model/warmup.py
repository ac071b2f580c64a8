"""The request that TensorFlow Serving answers before it takes others.

Its file holds `PredictionLog` messages, whose definition comes with the
package tensorflow-serving-api. That needs grpc and a TensorFlow of the same
version; of the few fields that are used here, the numbers are written down.
"""

# Field numbers of tensorflow_serving/apis: prediction_log.proto,
# predict.proto and model.proto.
PREDICT_LOG = 6
REQUEST = 1
MODEL_SPEC = 1
INPUTS = 2
MODEL_NAME = 1
SIGNATURE_NAME = 3
MAP_KEY = 1
MAP_VALUE = 2
# Wire type of strings and messages: their length, then they themselves.
LENGTH_DELIMITED = 2


def warmup_record(image, model_name):
    """A request with one image file, as a record of the warm-up file.

    Args:
        image: Bytes of an image file.
        model_name: String, as which the model is served.

    Returns:
        Bytes.
    """
    import tensorflow as tf

    tensor = tf.make_tensor_proto([image], dtype=tf.string, shape=(1,))
    model_spec = _field(MODEL_NAME, model_name.encode())
    model_spec += _field(SIGNATURE_NAME, b"serving_default")
    entry = _field(MAP_KEY, b"image_bytes")
    entry += _field(MAP_VALUE, tensor.SerializeToString())
    request = _field(MODEL_SPEC, model_spec) + _field(INPUTS, entry)
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number, content):
    """One field of a protocol buffer."""
    tag = number << 3 | LENGTH_DELIMITED
    return _varint(tag) + _varint(len(content)) + content


def _varint(value):
    """Seven bits a byte, the lowest first; the top bit says: more follow."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
