"""Small photos, data sets, models and a server for the code of the pages.

The code of a page is not changed. These replacements avoid hours of computation
and network access:

- training has a few epochs by default;
- the tables of variants contain small networks, so that `EfficientDetD0` is
  built, trained and exported in seconds by the same code;
- published weights must be in the manifest, but are not loaded:
  `tests/converters/test_pretrained.py` covers their files;
- TensorFlow Serving is replaced by the SavedModel that the page has written,
  loaded by TensorFlow, which answers the requests of the page.
"""

import base64
import dataclasses
import io
import json
import sys
import types

import keras
import numpy as np
from PIL import Image

import keras_efficient
from keras_efficient import training
from keras_efficient import weights as published
from keras_efficient.converters import pretrained
from keras_efficient.models import efficientdet_variants
from keras_efficient.models import efficientnet_variants
from tests.converters.checkpoints import import_peer

PHOTOS = ("cat.jpg", "dogs.jpg", "street.png", "cell.jpg")
CLASSES = ("RBC", "WBC", "Platelets")
FLOWERS = ("aster", "daisy", "iris", "rose", "tulip")
COLORS = np.array([[200, 40, 40], [40, 40, 200], [220, 200, 60]], "uint8")
SPLITS = {"train": 6, "val": 3}
# At least the minimum of each network, and fast.
DETECTOR_RESOLUTION = 128
SMALL = {"width_coefficient": 0.25, "depth_coefficient": 0.2}
# Defaults that are replaced.
FEW_EPOCHS = {
    training.finetune_detection: {"epochs": 2},
    training.finetune_classification: {"epochs": 1, "head_epochs": 1},
}


def settle(folder, monkeypatch):
    """Write the files and replace the networks by small ones."""
    rng = np.random.default_rng(0)
    for name in PHOTOS:
        _picture(rng)[0].save(folder / name)
    _cells(folder / "cells", rng)
    _flowers(folder / "flowers", rng)
    monkeypatch.chdir(folder)
    _shrink(monkeypatch)
    monkeypatch.setattr(pretrained, "_load_published", _check_is_published)
    for train, defaults in FEW_EPOCHS.items():
        for name, value in defaults.items():
            monkeypatch.setitem(train.__kwdefaults__, name, value)


def small_detector():
    """Return a detector of the cells with the attributes of a trained one."""
    detector = keras_efficient.EfficientDetD0(
        weights=None, backbone_weights=None, num_classes=len(CLASSES)
    )
    detector.class_names = CLASSES
    return detector


def write_timm_checkpoint(path):
    """Write random weights of timm for the small B0."""
    import_peer("timm")
    import torch
    from timm.models import efficientnet

    network = efficientnet._gen_efficientnet(
        "tf_efficientnet_b0", *SMALL.values(), pad_type="same"
    )
    torch.save(network.state_dict(), path)


def serve(monkeypatch, path):
    """Answer requests to localhost with a SavedModel."""
    import tensorflow as tf

    loaded = []

    def signature():
        if not loaded:
            loaded.append(tf.saved_model.load(str(path)))
        return loaded[0].signatures["serving_default"]

    def urlopen(request):
        assert request.full_url.endswith("/v1/models/cells:predict")
        body = json.loads(request.data)
        files = [base64.b64decode(x["b64"]) for x in body["instances"]]
        outputs = signature()(image_bytes=tf.constant(files))
        rows = [
            {name: _plain(value[i]) for name, value in outputs.items()}
            for i in range(len(files))
        ]
        return io.BytesIO(json.dumps({"predictions": rows}).encode())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    _serve_grpc(monkeypatch, signature)


def _serve_grpc(monkeypatch, signature):
    import tensorflow as tf
    from tensorflow_serving import apis
    from tensorflow_serving.apis import predict_pb2

    class Stub:
        def __init__(self, channel):
            assert channel == "localhost:8500"

        def Predict(self, request, timeout):
            assert request.model_spec.name == "cells"
            files = tf.make_ndarray(request.inputs["image_bytes"])
            answer = predict_pb2.PredictResponse()
            outputs = signature()(image_bytes=tf.constant(files))
            for name, value in outputs.items():
                proto = tf.make_tensor_proto(value.numpy())
                answer.outputs[name].CopyFrom(proto)
            return answer

    module = types.SimpleNamespace(PredictionServiceStub=Stub)
    name = "prediction_service_pb2_grpc"
    monkeypatch.setitem(sys.modules, f"{apis.__name__}.{name}", module)
    monkeypatch.setattr(apis, name, module, raising=False)
    monkeypatch.setattr("grpc.insecure_channel", lambda address: address)


def _plain(value):
    value = value.numpy()
    if value.dtype == object:
        return [x.decode() for x in value.ravel()]
    return value.decode() if isinstance(value, bytes) else value.tolist()


def _picture(rng):
    """Return a photo of cells, its boxes and labels."""
    pixels = rng.integers(200, 230, (90, 120, 3), "uint8")
    boxes, labels = [], []
    for column in range(2):
        left, top = 60 * column + rng.integers(2, 15), rng.integers(2, 40)
        label = rng.integers(len(CLASSES))
        pixels[top : top + 40, left : left + 36] = COLORS[label]
        boxes.append([left, top, left + 36, top + 40])
        labels.append(label)
    return Image.fromarray(pixels), boxes, labels


def _cells(folder, rng):
    for split, number in SPLITS.items():
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for i in range(number):
            image, boxes, labels = _picture(rng)
            image.save(folder / split / "images" / f"{i}.jpg")
            lines = [
                f"{label} {(a + c) / 240} {(b + d) / 180} "
                f"{(c - a) / 120} {(d - b) / 90}"
                for (a, b, c, d), label in zip(boxes, labels, strict=True)
            ]
            file = folder / split / "labels" / f"{i}.txt"
            file.write_text("\n".join(lines))
    names = ", ".join(CLASSES)
    (folder / "data.yaml").write_text(f"names: [{names}]\n")


def _flowers(folder, rng):
    for split, number in SPLITS.items():
        for name in FLOWERS:
            (folder / split / name).mkdir(parents=True)
            for i in range(number // 3):
                image = _picture(rng)[0]
                image.save(folder / split / name / f"{i}.jpg")


def _shrink(monkeypatch):
    networks = {
        name: dataclasses.replace(row, **SMALL)
        for name, row in efficientnet_variants.EFFICIENTNET_VARIANTS.items()
    }
    detectors = {
        name: dataclasses.replace(
            row,
            backbone=dataclasses.replace(row.backbone, **SMALL),
            resolution=DETECTOR_RESOLUTION,
            fpn_filters=16,
            fpn_repeats=1,
            head_repeats=1,
        )
        for name, row in efficientdet_variants.EFFICIENTDET_VARIANTS.items()
    }
    monkeypatch.setattr(
        efficientnet_variants, "EFFICIENTNET_VARIANTS", networks
    )
    monkeypatch.setattr(
        efficientdet_variants, "EFFICIENTDET_VARIANTS", detectors
    )


def _check_is_published(model, model_name, tag, *arguments):
    assert published.find(model_name, tag), (model_name, tag)
    assert isinstance(model, keras.Model)
