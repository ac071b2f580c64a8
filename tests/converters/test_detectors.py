"""Tests for checkpoints of detectors, by google/automl and effdet."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from tests.converters import checkpoints
from tests.converters import detector_files
from tests.marks import on_one_backend

SIZE = (96, 128)


def build(name="D0", size=SIZE, **arguments):
    builder = getattr(keras_efficient, f"EfficientDet{name}")
    return builder(
        weights=None,
        backbone_weights=None,
        input_shape=(*size, 3),
        **arguments,
    )


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def arrays(model):
    return detector_files.random_arrays(model)


def spoil(model):
    """Overwrite the weights that an earlier test loaded."""
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 0.5))


def check_filled(model, arrays):
    """Check that each variable has the sum of one of the arrays."""
    named = named_variables(model)
    shapes = {}
    for name, array in arrays.items():
        stacked = name.split("/WSM")[0] if "/WSM" in name else name
        shapes.setdefault(stacked, []).append(array.ravel())
    expected = sorted(
        round(float(np.concatenate(parts).sum(dtype="float64")), 3)
        for parts in shapes.values()
    )
    found = sorted(
        round(float(keras.ops.convert_to_numpy(v).sum(dtype="float64")), 3)
        for v in named.values()
    )
    assert found == pytest.approx(expected, abs=2e-3)


def write_h5(folder, arrays):
    return detector_files.write_automl_h5(folder / "d0.h5", arrays)


def write_checkpoint(folder, arrays):
    return detector_files.write_automl_checkpoint(folder / "model", arrays)


def write_objects(folder, arrays):
    return detector_files.write_automl_objects(folder / "model", arrays)


def write_averaged_objects(folder, arrays):
    return detector_files.write_automl_objects(
        folder / "model", arrays, averaged=True
    )


@pytest.mark.parametrize(
    "write",
    [
        write_h5,
        pytest.param(write_checkpoint, marks=on_one_backend),
        pytest.param(write_objects, marks=on_one_backend),
        pytest.param(write_averaged_objects, marks=on_one_backend),
    ],
)
def test_files_of_google_automl(model, arrays, write, tmp_path):
    # The golden tests, which load .npz files, check the values.
    spoil(model)
    report = load_checkpoint(model, write(tmp_path, arrays))
    assert report.source == "automl"
    assert (report.missing, report.mismatched, report.unexpected) == ((),) * 3
    assert len(report.loaded) == len(named_variables(model))
    check_filled(model, arrays)
    filled = model.get_weights()
    np.savez(tmp_path / "same.npz", **arrays)
    spoil(model)
    load_checkpoint(model, tmp_path / "same.npz")
    for value, same in zip(filled, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)


@on_one_backend
def test_another_number_of_classes(arrays, tmp_path, caplog):
    path = write_h5(tmp_path, arrays)
    model = build(num_classes=3)
    predictor = model.class_head.predictor.get_weights()
    report = load_checkpoint(model, path)
    assert caplog.messages == [
        "d0.h5 has 90 classes, the model 3: the class predictor was not loaded."
    ]
    names = {mismatch.name for mismatch in report.mismatched}
    assert names == {
        f"class_head/predictor/pointwise_conv/{kind}"
        for kind in ("kernel", "bias")
    }
    _, kernel, bias = model.class_head.predictor.get_weights()
    np.testing.assert_array_equal(kernel, predictor[1])
    np.testing.assert_array_equal(bias, predictor[2])
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(
            model.box_head.predictor.pointwise_conv.bias
        ),
        arrays["box_net/box-predict/bias"],
    )


@on_one_backend
def test_another_number_of_classes_in_keras_own_file(model, tmp_path, caplog):
    path = tmp_path / "mine.weights.h5"
    model.save_weights(path)
    other = build(num_classes=3)
    report = load_checkpoint(other, path)
    assert "has 90 classes, the model 3" in caplog.text
    assert len(report.mismatched) == 2
    np.testing.assert_array_equal(
        other.box_head.get_weights()[0], model.box_head.get_weights()[0]
    )


@on_one_backend
def test_another_variant_is_named(arrays, tmp_path):
    path = write_h5(tmp_path, arrays)
    model = build("D1")
    before = model.get_weights()
    message = "file looks like EfficientDetD0. The model looks like .*D1"
    with pytest.raises(ValueError, match=message):
        load_checkpoint(model, path)
    for value, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, same)


@on_one_backend
def test_weights_of_sums_do_not_fit_weighted_fusion(arrays, tmp_path):
    without = {k: v for k, v in arrays.items() if "/WSM" not in k}
    model = build()
    with pytest.raises(ValueError, match="24 missing.*fusion_weights"):
        load_checkpoint(model, write_h5(tmp_path, without))
    summed = build(weight_method="sum")
    load_checkpoint(summed, write_h5(tmp_path, without))
    with pytest.raises(ValueError, match="unexpected.*WSM"):
        load_checkpoint(summed, write_h5(tmp_path, arrays))


@on_one_backend
def test_a_classifier_fills_the_backbone(model, tmp_path):
    weights = checkpoints.random_weights("EfficientNetB0")
    path = checkpoints.write_keras2_h5(
        tmp_path / "b0.h5", weights, checkpoints.IMAGENET[1]
    )
    report = load_checkpoint(model.backbone, path)
    assert not report.missing
    assert len(report.ignored) == 7  # the layers after the last block
    stem = model.backbone.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(stem, weights["stem_conv/kernel"])


def effdet_network(name, size):
    """Build a detector of effdet with random weights."""
    checkpoints.import_peer("timm")
    effdet = checkpoints.import_peer("effdet")
    config = effdet.get_efficientdet_config(name)
    config.image_size = size
    network = effdet.EfficientDet(config, pretrained_backbone=False)
    summed = config.fpn_name == "bifpn_sum"
    checkpoints.randomize_torch(network)
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for key, tensor in network.state_dict().items():
        if key.endswith("edge_weights"):
            values = 0.6 + 0.5 * rng.uniform(-1, 1, tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(values.astype("float32")))
        elif summed and tensor.ndim == 4:
            # In networks this deep, larger weights amplify rounding errors.
            tensor.mul_(0.79)
        elif summed and key.endswith("weight"):
            tensor.mul_(1.25 if key.startswith("backbone") else 1.1)
    return network


def effdet_outputs(network, pixels, normalization):
    """Return its outputs in the order of `EfficientDet`."""
    import torch

    mean, std = (np.array(x, "float32") for x in normalization)
    images = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.no_grad():
        heads = network(torch.from_numpy(np.ascontiguousarray(images)))
    names = ("class_logits", "box_deltas")
    outputs = {}
    for name, levels in zip(names, heads, strict=True):
        units = 4 if name == "box_deltas" else levels[0].shape[1] // 9
        flat = [
            x.permute(0, 2, 3, 1).reshape(1, -1, units).numpy() for x in levels
        ]
        outputs[name] = np.concatenate(flat, axis=1)
    return outputs


def check_parity(model, network, path):
    import torch

    torch.save(network.state_dict(), path)
    report = load_checkpoint(model, path)
    assert (report.missing, report.mismatched, report.unexpected) == ((),) * 3
    pixels = checkpoints.random_pixels(*model.image_size)
    pixels_of = report.normalization
    expected = effdet_outputs(network, pixels, (pixels_of.mean, pixels_of.std))
    outputs = model.predict(pixels, verbose=0)
    worst = 0
    for name, values in expected.items():
        assert outputs[name].shape == values.shape
        assert values.std() > 0.02
        scale = np.abs(values).max()
        worst = max(worst, np.abs(outputs[name] - values).max() / scale)
    backend = keras.backend.backend()
    print(f"effdet {path.stem}, {model.name}, {backend}: {worst:.1e}")
    assert worst < 1e-4
    return report


@pytest.mark.parametrize(
    "name, variant",
    [
        pytest.param("tf_efficientdet_d0", "D0", marks=on_one_backend),
        pytest.param("tf_efficientdet_d3", "D3", marks=pytest.mark.slow),
        pytest.param("tf_efficientdet_d7x", "D7x", marks=pytest.mark.slow),
        pytest.param("tf_efficientdet_lite0", "Lite0", marks=on_one_backend),
        pytest.param("tf_efficientdet_lite1", "Lite1", marks=pytest.mark.slow),
        pytest.param("tf_efficientdet_lite2", "Lite2", marks=pytest.mark.slow),
        pytest.param("tf_efficientdet_lite3", "Lite3", marks=pytest.mark.slow),
        pytest.param(
            "tf_efficientdet_lite3x", "Lite3x", marks=pytest.mark.slow
        ),
        pytest.param("tf_efficientdet_lite4", "Lite4", marks=pytest.mark.slow),
    ],
)
def test_effdet(name, variant, tmp_path):
    network = effdet_network(name, (256, 256))
    model = build(variant, (256, 256))
    report = check_parity(model, network, tmp_path / f"{name}.pth")
    assert report.source == "effdet_tf"
    if variant.startswith("Lite"):
        assert report.normalization.mean == (127 / 255,) * 3
        assert report.normalization.std == (128 / 255,) * 3


@on_one_backend
def test_own_weights_of_effdet_require_symmetric_padding(tmp_path):
    network = effdet_network("efficientdet_d0", (128, 128))
    path = tmp_path / "efficientdet_d0.pth"
    backbone = keras_efficient.EfficientNet(
        include_top=False,
        input_shape=(128, 128, 3),
        padding="symmetric",
        batch_norm_epsilon=1e-5,
    )
    model = keras_efficient.EfficientDet(
        backbone, padding="symmetric", use_bias=False
    )
    report = check_parity(model, network, path)
    assert report.source == "effdet"
    with pytest.raises(ValueError, match="missing.*pointwise_conv/bias"):
        load_checkpoint(build(), path)


@on_one_backend
def test_weights_trained_in_tensorflow_are_refused_where_padding_differs(
    arrays, tmp_path
):
    backbone = keras_efficient.EfficientNet(
        include_top=False, input_shape=(*SIZE, 3), padding="symmetric"
    )
    model = keras_efficient.EfficientDet(backbone, padding="symmetric")
    with pytest.raises(ValueError, match="padding='same'.*EfficientDetD0"):
        load_checkpoint(model, write_h5(tmp_path, arrays))
