"""The warm-up request of TensorFlow Serving.

TensorFlow Serving runs the requests in this file before it accepts others. The
file holds `PredictionLog` messages, which the package tensorflow-serving-api
defines. That package requires grpc and a TensorFlow of the same version, so
the numbers of the few fields that are used here are written out.
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
# Wire type of strings and messages: the length, then the content.
LENGTH_DELIMITED = 2


def warmup_record(image: bytes, model_name: str) -> bytes:
    """Return a request with one image file as a record of the warm-up file.

    Args:
        image: Content of an image file.
        model_name: Name under which the model is served.

    Returns:
        A serialized `PredictionLog`.
    """
    import tensorflow as tf

    tensor = tf.make_tensor_proto([image], dtype=tf.string, shape=(1,))
    model_spec = _field(MODEL_NAME, model_name.encode())
    model_spec += _field(SIGNATURE_NAME, b"serving_default")
    entry = _field(MAP_KEY, b"image_bytes")
    entry += _field(MAP_VALUE, tensor.SerializeToString())
    request = _field(MODEL_SPEC, model_spec) + _field(INPUTS, entry)
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    """Return one length-delimited field of a protocol buffer."""
    tag = number << 3 | LENGTH_DELIMITED
    return _varint(tag) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Encode an integer with 7 bits per byte, the lowest bits first.

    The highest bit of each byte is set if another byte follows.
    """
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
