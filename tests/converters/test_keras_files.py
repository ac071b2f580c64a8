"""Tests for `.keras` and `.weights.h5` files."""

import json
import pathlib

import h5py
import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.detection_schemes import (
    stack_fusion_weights,
)
from tests.converters import detector_files
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend

FORMATS = (".weights.h5", ".keras")


@pytest.mark.parametrize("ending", FORMATS)
def test_the_name_does_not_matter(tmp_path, ending):
    original = tiny.trained()
    path = tiny.save(original, tmp_path / f"a{ending}")
    path = path.rename(tmp_path / "best.checkpoint")
    model = tiny.build()
    load_checkpoint(model, path)
    tiny.check_equal(tiny.values(model), tiny.values(original))


def test_pixels_may_be_normalized_otherwise(tmp_path):
    path = tiny.save(tiny.trained(), tmp_path / "a.weights.h5")
    model = tiny.build()
    given = ((0.5,) * 3, (0.25,) * 3)
    report = load_checkpoint(model, path, normalization=given)
    assert report.normalization.std == given[1]
    std = keras.ops.convert_to_numpy(model.get_layer("preprocessing").std)
    np.testing.assert_array_equal(std, given[1])


@pytest.mark.parametrize("ending", FORMATS)
def test_another_number_of_classes(tmp_path, ending, caplog):
    original = tiny.trained()
    path = tiny.save(original, tmp_path / f"a{ending}")
    model = tiny.build(classes=7)
    before = tiny.values(model)
    report = load_checkpoint(model, path)
    assert "has 5 classes, the model 7" in caplog.text
    names = ["predictions/kernel", "predictions/bias"]
    assert [x.name for x in report.mismatched] == names
    after = tiny.values(model)
    for name, value in tiny.values(original).items():
        expected = before[name] if name in names else value
        np.testing.assert_array_equal(after[name], expected, name)


@pytest.mark.parametrize("ending", FORMATS)
def test_no_classifier_in_the_file(tmp_path, ending):
    path = tiny.save(tiny.trained(include_top=False), tmp_path / f"a{ending}")
    model = tiny.build()
    tiny.check_refused(model, "no classifier.*`include_top=False`", path)
    report = load_checkpoint(model, path, strict=False)
    assert report.missing == ("predictions/kernel", "predictions/bias")


def test_a_classifier_that_is_not_needed(tmp_path):
    original = tiny.trained()
    path = tiny.save(original, tmp_path / "a.weights.h5")
    model = tiny.build(include_top=False)
    load_checkpoint(model, path)
    expected = tiny.values(original)
    for name, value in tiny.values(model).items():
        np.testing.assert_array_equal(value, expected[name], name)


@pytest.mark.parametrize("ending", FORMATS)
def test_another_network(tmp_path, ending):
    path = tiny.save(
        tiny.trained(width_coefficient=0.5), tmp_path / f"a{ending}"
    )
    model = tiny.build()
    message = r"does not fit[\s\S]*stem_conv/kernel is \(3, 3, 3, 16\) in the"
    tiny.check_refused(model, message, path)
    report = load_checkpoint(model, path, strict=False)
    assert report.mismatched[0].name == "stem_conv/kernel"
    assert np.isfinite(model.get_layer("stem_conv").kernel).all()


def test_no_network_at_all(tmp_path):
    inputs = keras.Input((4,))
    path = tmp_path / "a.keras"
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(path)
    tiny.check_refused(tiny.build(), "a.keras", path)


def test_impossible_numbers(tmp_path):
    original = tiny.trained()
    original.get_layer("stem_bn").gamma.assign(np.full(8, np.nan))
    path = tiny.save(original, tmp_path / "a.weights.h5")
    tiny.check_refused(tiny.build(), "damaged.*stem_bn/gamma contains 8", path)


@pytest.mark.parametrize("ending", FORMATS)
def test_truncated_files(tmp_path, ending):
    path = tiny.save(tiny.trained(), tmp_path / f"a{ending}")
    path.write_bytes(path.read_bytes()[:-5000])
    tiny.check_refused(tiny.build(), f"a{ending}", path)


def test_a_deeper_network(tmp_path):
    """More layers of a class change the numbers of the layers."""
    path = tiny.save(
        tiny.trained(depth_coefficient=0.6), tmp_path / "a.weights.h5"
    )
    tiny.check_refused(tiny.build(), "does not fit", path)


def test_more_layers_than_the_model_has(tmp_path):
    """Keras itself would ignore them."""
    model = tiny.build()
    outputs = keras.layers.Dense(2, name="more")(model.output)
    path = tiny.save(
        keras.Model(model.input, outputs), tmp_path / "a.weights.h5"
    )
    message = r"2 unexpected: layers/dense_1/vars/0; layers/dense_1/vars/1"
    tiny.check_refused(tiny.build(), message, path)
    report = load_checkpoint(tiny.build(), path, strict=False)
    assert report.missing == report.mismatched == ()


def test_a_backbone_ignores_the_top_layers(tmp_path):
    original = tiny.trained()
    path = tiny.save(original, tmp_path / "a.weights.h5")
    features = original.layers[-7].output
    assert original.layers[-7].name.startswith("block")
    backbone = keras.Model(original.input, features)
    report = load_checkpoint(backbone, path)
    # Convolution, batch normalization and classifier.
    assert len(report.ignored) == 7
    assert report.unexpected == ()


def test_the_state_of_training_is_skipped(tmp_path):
    original = tiny.trained(drop_connect_rate=0.2)
    original.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    original.optimizer.build(original.trainable_variables)
    path = tiny.save(original, tmp_path / "a.keras")
    model = tiny.build()
    report = load_checkpoint(model, path)
    assert report.unexpected == report.ignored == ()
    tiny.check_equal(tiny.values(model), tiny.values(original))


def test_arrays_in_other_files_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(8))
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file.create_dataset(
            "layers/dense/vars/0",
            (2,),
            "f4",
            external=[(str(tmp_path / "secret"), 0, 8)],
        )
    tiny.check_refused(
        tiny.build(), "stored in another file", tmp_path / "a.weights.h5"
    )


def _write_legacy(path, **weights):
    """A legacy file of one layer, `dense`, without its weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["dense"]
        layer = file.create_group("dense")
        layer.attrs["weight_names"] = ["kernel:0"]
        for name, value in weights.items():
            layer[name] = value


@pytest.mark.parametrize("kind", ["external link", "soft link", "storage"])
def test_legacy_files_do_not_read_other_files(tmp_path, kind):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.arange(4.0)
    path = tmp_path / "a.h5"
    _write_legacy(path)
    with h5py.File(path, "a") as file:
        layer = file["dense"]
        if kind == "external link":
            layer["kernel:0"] = h5py.ExternalLink(str(secret), "values")
        elif kind == "soft link":
            file["values"] = np.arange(4.0)
            layer["kernel:0"] = h5py.SoftLink("/values")
        else:
            layer.create_dataset(
                "kernel:0", (2,), "f4", external=[(str(secret), 0, 8)]
            )
    expected = "in another file" if kind == "storage" else "is a link to"
    tiny.check_refused(tiny.build(), f"a.h5[^$]*{expected}", path)


def test_a_link_in_place_of_the_model(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["model_weights"] = h5py.ExternalLink("/dev/zero", "weights")
    tiny.check_refused(tiny.build(), "a.h5[^$]*is a link to 'weights'", path)


def test_a_small_file_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "a.h5"
    _write_legacy(path)
    with h5py.File(path, "a") as file:
        file["dense"].create_dataset("kernel:0", (10**12,), "f4", chunks=(8,))
    assert path.stat().st_size < 10_000
    message = "needs 4000000000000 bytes, but only 0 are stored"
    tiny.check_refused(tiny.build(), message, path)


def test_a_missing_item(tmp_path):
    path = tmp_path / "a.h5"
    _write_legacy(path)
    message = "names 'kernel:0', which it does not contain"
    tiny.check_refused(tiny.build(), message, path)


def test_files_of_version_0_1(tmp_path):
    """Their paths are those of google/automl's variables in the JSON file."""
    paths = json.loads(
        pathlib.Path(__file__).with_name("keras_paths_0_1.json").read_text()
    )

    def build():
        backbone = keras_efficient.EfficientNet(
            include_top=False,
            width_coefficient=0.25,
            depth_coefficient=0.3,
            input_shape=(64, 64, 3),
        )
        return keras_efficient.EfficientDet(
            backbone, 3, fpn_filters=16, fpn_repeats=1, head_repeats=2
        )

    expected, model = build(), build()
    arrays = detector_files.random_arrays(expected)
    np.savez(tmp_path / "automl.npz", **arrays)
    load_checkpoint(expected, tmp_path / "automl.npz")
    stacked = stack_fusion_weights(arrays)
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for group, names in paths.items():
            for i, name in enumerate(names):
                file[f"{group}/{i}"] = stacked[name]
    report = load_checkpoint(model, tmp_path / "a.weights.h5")
    assert report.missing == report.unexpected == ()
    for value, same in zip(
        model.get_weights(), expected.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(value, same)
