"""Tests for building, saving and using an EfficientDet."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.detectors import build
from tests.models.detectors import image
from tests.models.detectors import predict
from tests.models.detectors import tiny


def assert_same(outputs, expected, atol=1e-5):
    assert set(outputs) == set(expected) == {"class_logits", "box_deltas"}
    for name, values in expected.items():
        np.testing.assert_allclose(
            outputs[name], values, rtol=1e-4, atol=atol, err_msg=name
        )


def test_initial_scores_are_the_prior():
    model = tiny(num_classes=90, fpn_filters=64, head_repeats=3)
    outputs = predict(model, image(1, 64, 96, 3))
    probabilities = 1 / (1 + np.exp(-outputs["class_logits"]))
    assert probabilities.mean() == pytest.approx(0.01, rel=0.05)


def test_accepts_images_of_any_size():
    model = tiny(input_shape=(None, None, 3))
    assert model.image_size == (None, None)
    for size in ((64, 96), (75, 50)):
        outputs = predict(model, image(1, *size, 3))
        anchors = model.generate_anchors(size)
        assert outputs["box_deltas"].shape == (1, len(anchors), 4)
    with pytest.raises(ValueError, match="pass `image_size`"):
        model.generate_anchors()


def test_anchors_follow_the_arguments():
    model = tiny(num_scales=2, aspect_ratios=(1.0, 3.0), anchor_scale=5.0)
    anchors = model.generate_anchors()
    assert len(anchors) == model.output["class_logits"].shape[1]
    np.testing.assert_array_equal(
        anchors,
        keras_efficient.ops.generate_anchors(
            (64, 96), 3, 5, 2, (1.0, 3.0), 5.0
        ),
    )
    again = keras_efficient.EfficientDet.from_config(model.get_config())
    np.testing.assert_array_equal(again.generate_anchors(), anchors)


@on_one_backend
def test_variants_have_the_settings_they_were_trained_with():
    def last_rate(model):
        block = model.backbone.get_layer("block7a")
        return block.drop_connect_rate

    d0, d7 = (build(name, input_shape=(64, 96, 3)) for name in ("D0", "D7"))
    # Squares of 4 and of 5 times the stride of 8 pixels, centered at (4, 4).
    np.testing.assert_allclose(d0.generate_anchors()[0], (-12, -12, 20, 20))
    np.testing.assert_allclose(d7.generate_anchors()[0], (-16, -16, 24, 24))
    assert last_rate(d0) == 0
    # B6 has 45 blocks, and three in its last stage.
    assert last_rate(d7) == pytest.approx(0.2 * 42 / 45)
    methods = {
        name: model.feature_network.get_layer("bifpn_0").weight_method
        for name, model in (("D0", d0), ("D7", d7))
    }
    assert methods == {"D0": "fast_normalized", "D7": "sum"}


@pytest.mark.parametrize("network", ["fpn", "panet", "nas_fpn", "bifpn"])
def test_other_feature_networks(network):
    model = tiny(feature_network=network, max_level=7)
    names = [layer.name for layer in model.feature_network.layers]
    assert f"{network}_0" in names
    outputs = predict(model, image(2, 64, 96, 3))
    assert outputs["class_logits"].shape[0] == 2
    assert np.isfinite(outputs["box_deltas"]).all()


def test_custom_parts():
    cells = [
        keras_efficient.layers.FPNLayer(16, max_level=5, name="mine"),
        keras_efficient.layers.BiFPNLayer(16, max_level=5, name="yours"),
    ]
    model = tiny(feature_network=cells)
    assert model.feature_network.get_layer("mine") is cells[0]
    single = tiny(
        feature_network=keras_efficient.layers.PANetLayer(16, max_level=5)
    )
    assert predict(single, image(1, 64, 96, 3))


BACKBONES = {
    "ResNet50": {
        "P3": "conv3_block4_out",
        "P4": "conv4_block6_out",
        "P5": "conv5_block3_out",
    },
    "MobileNetV2": {
        "P3": "block_5_add",
        "P4": "block_12_add",
        "P5": "out_relu",
    },
}


@slow_to_compile
@pytest.mark.parametrize("name", BACKBONES)
def test_backbones_of_keras_applications(name, zero_initial_weights):
    network = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(64, 96, 3)
    )
    levels = {
        level: network.get_layer(layer).output
        for level, layer in BACKBONES[name].items()
    }
    model = keras_efficient.EfficientDet(
        keras.Model(network.input, levels), num_classes=2, fpn_repeats=1
    )
    outputs = predict(model, image(1, 64, 96, 3))
    # 8 x 12, 4 x 6, 2 x 3, 1 x 2 and 1 x 1 positions.
    assert outputs["class_logits"].shape == (1, (96 + 24 + 6 + 2 + 1) * 9, 2)


def test_mixed_precision_gives_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny()
        assert model.class_head.compute_dtype == "bfloat16"
        for x in model.output.values():
            assert x.dtype == "float32"
        outputs = predict(model, image(1, 64, 96, 3))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {w.dtype for w in model.weights} == {"float32"}
    exact = tiny()
    exact.set_weights(model.get_weights())
    expected = predict(exact, image(1, 64, 96, 3))
    for name, x in outputs.items():
        assert x.dtype == "float32"
        y = expected[name]
        assert not np.array_equal(x, y)
        np.testing.assert_allclose(x, y, atol=0.05 * np.abs(y).max())


@pytest.mark.parametrize("suffix", ["keras", "weights.h5"])
def test_saving_and_loading(suffix, tmp_path):
    model = tiny(anchor_scale=5.0)
    model.backbone.trainable = False
    path = tmp_path / f"model.{suffix}"
    if suffix == "keras":
        model.save(path)
        restored = keras.models.load_model(path)
        assert isinstance(restored, keras_efficient.EfficientDet)
        assert not restored.backbone.trainable_weights
        assert len(restored.trainable_weights) == len(model.trainable_weights)
        np.testing.assert_array_equal(
            restored.generate_anchors(), model.generate_anchors()
        )
        assert restored.num_classes == 3
    else:
        model.save_weights(path)
        restored = tiny()
        load_checkpoint(restored, path)
    x = image(2, 64, 96, 3)
    assert_same(predict(restored, x), predict(model, x))


@on_one_backend
@pytest.mark.parametrize("suffix", ["keras", "weights.h5"])
def test_other_backends_give_the_same(suffix, tmp_path):
    """A model saved on this backend is loaded on another in a new process."""
    backends = ("tensorflow", "jax", "torch")
    other = backends[backends.index(keras.backend.backend()) - 1]
    pytest.importorskip(other)
    model = tiny()
    x = image(2, 64, 96, 3)
    np.savez(tmp_path / "expected.npz", x=x, **predict(model, x))
    if suffix == "keras":
        model.save(tmp_path / "model.keras")
    else:
        model.save_weights(tmp_path / "model.weights.h5")
    process = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, tmp_path, suffix],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": other},
    )
    assert process.returncode == 0, process.stderr
    found = np.load(tmp_path / "found.npz")
    expected = np.load(tmp_path / "expected.npz")
    outputs = {name: found[name] for name in found.files}
    assert_same(outputs, {k: expected[k] for k in outputs})


OTHER_BACKEND = """
import pathlib, sys
import keras, numpy as np
import keras_efficient
from tests.models.detectors import predict, tiny

folder, suffix = pathlib.Path(sys.argv[1]), sys.argv[2]
if suffix == "keras":
    model = keras.models.load_model(folder / "model.keras")
else:
    model = tiny()
    model.load_weights(folder / "model.weights.h5")
x = np.load(folder / "expected.npz")["x"]
np.savez(folder / "found.npz", **predict(model, x))
"""


@slow_to_compile
@pytest.mark.parametrize("part", ["backbone", "feature_network"])
def test_frozen_parts_do_not_change(part):
    model = tiny()
    frozen = getattr(model, part)
    frozen.trainable = False
    before = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
    model.compile(keras.optimizers.SGD(0.1))
    x = image(2, 64, 96, 3)
    # A box for each level, so that all levels of the heads are trained.
    half = 2.0 ** np.arange(4, 9, dtype="float32")[:, None]
    center = np.array([[48, 32]], "float32")
    boxes = np.concatenate([center - half, center + half], axis=1)
    targets = {
        "boxes": np.stack([boxes, boxes]),
        "labels": np.zeros((2, 5), "int32"),
    }
    model.fit(x, targets, verbose=0)
    kept = {w.path for w in frozen.weights if "preprocessing" not in w.path}
    assert kept
    for weight in model.weights:
        if "preprocessing" in weight.path:
            continue
        same = np.array_equal(
            keras.ops.convert_to_numpy(weight), before[weight.path]
        )
        assert same == (weight.path in kept), weight.path


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"feature_network": "bi_fpn"}, "feature_network='bi_fpn'"),
        ({"weight_method": "mean"}, "weight_method='mean'"),
        ({"num_classes": 0}, "units=0"),
        ({"fpn_repeats": 0}, "fpn_repeats"),
        ({"min_level": 6, "max_level": 7}, r"P6.*levels \['P1', 'P2'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)


def test_backbone_without_levels_is_an_error(zero_initial_weights):
    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(64, 96, 3), alpha=0.35
    )
    with pytest.raises(ValueError, match="`pyramid_outputs`.*Received"):
        keras_efficient.EfficientDet(network)
    with pytest.raises(ValueError, match="Received: str without levels"):
        keras_efficient.EfficientDet("EfficientNetB0")


def test_too_small_inputs_are_an_error():
    with pytest.raises(ValueError, match=r"at least 32.*\(16, 64, 3\)"):
        build("D0", input_shape=(16, 64, 3))


def test_unknown_weights():
    with pytest.raises(ValueError, match="weights='cocoa'"):
        keras_efficient.EfficientDetD0(weights="cocoa", backbone_weights=None)
