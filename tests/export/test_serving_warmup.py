"""The warm-up request of TensorFlow Serving."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_efficient import export
from tests.marks import slow_elsewhere
from tests.support.export import plain_classifier

tf = pytest.importorskip("tensorflow")
prediction_log_pb2 = pytest.importorskip(
    "tensorflow_serving.apis.prediction_log_pb2"
)


@slow_elsewhere
def test_the_model_accepts_the_request(tmp_path):
    path = tmp_path / "pets" / "3"
    model = plain_classifier()
    export.saved_model(model, path, verify=False)
    file = path / "assets.extra" / "tf_serving_warmup_requests"
    (record,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    log = prediction_log_pb2.PredictionLog.FromString(record)
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert request.model_spec.name == "pets"
    assert request.model_spec.signature_name == "serving_default"
    (name,) = request.inputs
    values = tf.make_ndarray(request.inputs[name])
    with Image.open(io.BytesIO(values[0])) as image:
        image.load()
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    outputs = signature(**{name: tf.constant(values.astype(bytes))})
    assert outputs["probabilities"].shape == (1, 5)
    assert np.isfinite(outputs["probabilities"]).all()
