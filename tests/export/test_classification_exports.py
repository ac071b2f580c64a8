"""SavedModels of classifiers have the outputs of the classifiers."""

import json
import math
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import export
from keras_efficient.data import ClassificationPreprocessing
from tests import golden_fill
from tests.marks import slow_elsewhere
from tests.shared import SHARED
from tests.shared import needs_shared
from tests.support.export import CLASS_NAMES
from tests.support.export import HalfOf
from tests.support.export import Unstable
from tests.support.export import confident_classifier
from tests.support.export import image_files
from tests.support.export import plain_classifier
from tests.support.export import prepare
from tests.support.export import run_signature
from tests.support.export import sharpen_classifier

tf = pytest.importorskip("tensorflow")

LAYERS = keras.layers


def check_outputs(outputs, probabilities, class_names, tolerance=1e-5):
    labels = probabilities.argmax(axis=-1)
    assert outputs["probabilities"].dtype == np.float32
    np.testing.assert_allclose(
        outputs["probabilities"], probabilities, rtol=0, atol=tolerance
    )
    assert outputs["label"].tolist() == labels.tolist()
    names = [name.decode() for name in outputs["class_name"].tolist()]
    assert names == [class_names[label] for label in labels]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small EfficientNet and the folder it was exported to."""
    model = confident_classifier()
    path = tmp_path_factory.mktemp("served") / "flowers" / "1"
    returned = export.saved_model(model, path, class_names=CLASS_NAMES)
    assert returned == path
    return model, path


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported[1])).signatures


@slow_elsewhere
def test_signature_of_image_files(exported, signatures):
    files = image_files()
    images = prepare(files, ClassificationPreprocessing((64, 48)))
    probabilities = exported[0].predict(images, verbose=0)
    assert probabilities.max(axis=-1).min() > 0.5  # 1 / 5 if all were equal
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    check_outputs(outputs, probabilities, CLASS_NAMES)
    alone = run_signature(signatures["serving_default"], image_bytes=files[1:2])
    check_outputs(alone, probabilities[1:2], CLASS_NAMES)


@slow_elsewhere
@pytest.mark.parametrize("size", [(64, 48), (150, 90), (33, 80)])
def test_signature_of_images(exported, signatures, size):
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), "uint8")
    prepared = [
        ClassificationPreprocessing((64, 48))(image) for image in images
    ]
    pixels = np.stack(prepared).astype("float32")
    probabilities = exported[0].predict(pixels, verbose=0)
    outputs = run_signature(signatures["images"], images=images)
    check_outputs(outputs, probabilities, CLASS_NAMES)


@slow_elsewhere
def test_signature_of_raw_images(exported, signatures):
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 48, 3))
    images = images.astype("float32")
    probabilities = exported[0].predict(images, verbose=0)
    outputs = run_signature(signatures["raw"], images=images)
    check_outputs(outputs, probabilities, CLASS_NAMES)


@slow_elsewhere
def test_invalid_image_files_are_rejected(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["serving_default"](tf.constant([b"no image"]))


@slow_elsewhere
def test_shapes_and_types_of_the_signatures(signatures):
    assert set(signatures) == {"serving_default", "images", "raw"}
    for name, signature in signatures.items():
        (spec,) = signature.structured_input_signature[1].values()
        expected = {
            "serving_default": ("image_bytes", tf.string, (None,)),
            "images": ("images", tf.uint8, (None, None, None, 3)),
            "raw": ("images", tf.float32, (None, 64, 48, 3)),
        }[name]
        assert (spec.name, spec.dtype, tuple(spec.shape)) == expected
        outputs = signature.structured_outputs
        assert outputs["probabilities"].shape.as_list() == [None, 5]
        assert outputs["label"].dtype == tf.int64
        assert outputs["class_name"].dtype == tf.string


@slow_elsewhere
def test_metadata_is_stored_in_the_folder(exported):
    _, path = exported
    file = path / "assets.extra" / "metadata.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    assert metadata["class_names"] == list(CLASS_NAMES)
    assert metadata["image_size"] == [64, 48]
    assert metadata["keras_efficient_version"] == keras_efficient.__version__
    preprocessing = ClassificationPreprocessing.from_config(
        metadata["preprocessing"]
    )
    assert preprocessing == ClassificationPreprocessing((64, 48))
    assert metadata["precision"] == "float32"
    # No other files remain.
    assert [entry.name for entry in path.parent.iterdir()] == ["1"]


@slow_elsewhere
def test_weights_are_written_once(exported):
    model, path = exported
    checkpoint = tf.train.load_checkpoint(str(path / "variables/variables"))
    sizes = [
        math.prod(shape)
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if name.endswith("VARIABLE_VALUE")
    ]
    assert sum(sizes) == model.fused().count_params()


@slow_elsewhere
def test_saved_model_cli_runs_an_image_file(exported, tmp_path):
    model, path = exported
    files = image_files()[:2]
    np.save(tmp_path / "files.npy", np.array(files, object), allow_pickle=True)
    program = pathlib.Path(sys.executable).with_name("saved_model_cli")
    command = [sys.executable, str(program), "run"]
    command += ["--dir", str(path), "--tag_set", "serve"]
    command += ["--signature_def", "serving_default", "--outdir", str(tmp_path)]
    command += ["--inputs", f"image_bytes={tmp_path / 'files.npy'}"]
    subprocess.run(command, check=True, capture_output=True)
    images = prepare(files, ClassificationPreprocessing((64, 48)))
    outputs = {
        name: np.load(tmp_path / f"{name}.npy", allow_pickle=True)
        for name in ("probabilities", "label", "class_name")
    }
    check_outputs(outputs, model.predict(images, verbose=0), CLASS_NAMES)


@slow_elsewhere
def test_logits_channels_first_any_size_and_custom_layer(tmp_path):
    images = keras.Input((3, None, None), name="photo")
    x = HalfOf()(images)
    x = LAYERS.Conv2D(6, 3, data_format="channels_first")(x)
    x = LAYERS.GlobalMaxPooling2D(data_format="channels_first")(x)
    model = keras.Model({"photo": images}, LAYERS.Dense(3)(x))
    model.layers[-1].kernel.assign(np.eye(6, 3) / 100)
    preprocessing = ClassificationPreprocessing((40, 24), None, "bilinear")
    path = tmp_path / "model"
    export.saved_model(model, path, preprocessing=preprocessing)
    signatures = tf.saved_model.load(str(path)).signatures

    def probabilities_of(images):
        inputs = {"photo": np.transpose(images, (0, 3, 1, 2))}
        exp = np.exp(model.predict(inputs, verbose=0))
        return exp / exp.sum(axis=-1, keepdims=True)

    files = image_files()
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    expected = probabilities_of(prepare(files, preprocessing))
    check_outputs(outputs, expected, ("0", "1", "2"))
    images = np.random.default_rng(0).uniform(0, 255, (2, 17, 33, 3))
    outputs = run_signature(signatures["raw"], images=images.astype("float32"))
    check_outputs(outputs, probabilities_of(images), ("0", "1", "2"))


class OwnTraining(keras.Model):
    """A class that the child process does not know."""

    def train_step(self, *args):
        return {}


@slow_elsewhere
@pytest.mark.parametrize("kind", ["sequential", "own training step"])
def test_other_kinds_of_models(tmp_path, kind):
    model = keras.Sequential(
        [
            keras.Input((21, 30, 3)),
            LAYERS.Rescaling(1 / 255),
            LAYERS.Lambda(lambda x: x * 2.0),
            LAYERS.GlobalAveragePooling2D(),
            LAYERS.Dense(3, activation="softmax"),
        ]
    )
    if kind == "own training step":
        model = OwnTraining(model.inputs, model.outputs)
        model.compile("sgd", loss=lambda y, y_pred: y_pred)
    path = export.saved_model(model, tmp_path / "1")
    signatures = tf.saved_model.load(str(path)).signatures
    files = image_files()
    images = prepare(files, ClassificationPreprocessing((21, 30)))
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    expected = model.predict(images, verbose=0)
    expected = expected[0] if isinstance(expected, list) else expected
    check_outputs(outputs, expected, ("0", "1", "2"))


@slow_elsewhere
def test_a_difference_is_an_error_and_keeps_the_old_export(tmp_path):
    (tmp_path / "old").write_text("old")
    model = plain_classifier(Unstable())
    with pytest.raises(
        export.ExportMismatchError, match="differs from the model by"
    ):
        export.saved_model(model, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []


def test_full_folders_are_rejected_first(tmp_path):
    (tmp_path / "saved_model.pb").write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export.saved_model(confident_classifier(), tmp_path)


def test_without_tensorflow_the_error_names_the_extra(tmp_path, monkeypatch):
    model = confident_classifier()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match=r'"keras-efficient\[export\]"'):
        export.saved_model(model, tmp_path / "1")


@pytest.mark.slow
def test_mixed_precision_gives_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = confident_classifier()
    finally:
        keras.config.set_dtype_policy("float32")
    export.saved_model(model, tmp_path / "1", class_names=CLASS_NAMES)
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    files = image_files()
    images = prepare(files, ClassificationPreprocessing((64, 48)))
    probabilities = model.predict(images, verbose=0)
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    check_outputs(outputs, probabilities, CLASS_NAMES, tolerance=0.05)


@pytest.mark.slow
@needs_shared
def test_b0_on_photos(tmp_path):
    model = keras_efficient.EfficientNetB0(weights=None)
    sharpen_classifier(golden_fill.fill(model))
    path = export.saved_model(model, tmp_path / "b0" / "1")
    photos = sorted((SHARED / "data" / "flowers" / "val").rglob("*.jpg"))
    files = [photo.read_bytes() for photo in photos[::20]]
    images = prepare(files, ClassificationPreprocessing((224, 224)))
    probabilities = model.predict(images, verbose=0)
    signatures = tf.saved_model.load(str(path)).signatures
    outputs = run_signature(signatures["serving_default"], image_bytes=files)
    names = [str(label) for label in range(1000)]
    check_outputs(outputs, probabilities, names)
    assert probabilities.max(axis=-1).mean() > 0.05
