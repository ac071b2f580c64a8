"""Tests for `load_checkpoint`: matches, errors and messages."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.file_formats import FORMATS
from keras_efficient.converters.file_formats import Checkpoint
from keras_efficient.converters.naming.classification_schemes import LUKEMELAS
from keras_efficient.converters.naming.classification_schemes import TIMM
from keras_efficient.converters.naming.identification import identify
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.naming.variable_names import blocks_in
from tests.converters import checkpoints
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend


def save(path, weights):
    np.savez(path, **weights)
    return path


@pytest.fixture
def model():
    return tiny.build()


@pytest.fixture
def file(tmp_path, model):
    """A complete checkpoint of `model` and its values."""
    weights = tiny.random_weights(model)
    return save(tmp_path / "tiny.npz", weights), weights


def test_a_missing_variable(model, file, tmp_path):
    _, weights = file
    for name in ("block2a_bn/beta", "top_conv/kernel"):
        del weights[name]
    path = save(tmp_path / "partial.npz", weights)
    message = (
        r"partial.npz.*does not fit.*`strict=False`"
        r"[\s\S]*2 missing: block2a_bn/beta; top_conv/kernel"
    )
    tiny.check_refused(model, message, path)
    before = tiny.values(model)
    report = load_checkpoint(model, path, strict=False)
    assert report.missing == ("block2a_bn/beta", "top_conv/kernel")
    assert report.loaded == tuple(weights)
    kept = {name: before[name] for name in report.missing}
    tiny.check_equal(tiny.values(model), {**weights, **kept})


def test_another_shape(model, file, tmp_path):
    _, weights = file
    weights["stem_conv/kernel"] = np.ones((3, 3, 1, 8), "float32")
    path = save(tmp_path / "gray.npz", weights)
    tiny.check_refused(
        model,
        r"stem_conv/kernel is \(3, 3, 1, 8\) in the file and \(3, 3, 3, 8\)",
        path,
    )
    report = load_checkpoint(model, path, strict=False)
    assert [x.name for x in report.mismatched] == ["stem_conv/kernel"]
    assert len(report.loaded) == len(weights) - 1


def test_more_than_the_model_has(model, file, tmp_path):
    """A deeper network has all variables of a shallow one."""
    deeper = tiny.random_weights(tiny.build(depth_coefficient=0.6))
    path = save(tmp_path / "deeper.npz", deeper)
    # Two blocks of 19 variables.
    tiny.check_refused(model, "38 unexpected: block2b_expand_conv/kernel", path)
    report = load_checkpoint(model, path, strict=False)
    assert len(report.unexpected) == 38
    assert report.missing == ()


def test_more_than_a_layer_of_the_model_has(model, file, tmp_path):
    """Only layers that the model does not have are ignored."""
    _, weights = file
    path = save(tmp_path / "a.npz", {**weights, "top_conv/bias": np.ones(64)})
    tiny.check_refused(model, "1 unexpected: top_conv/bias", path)


def test_arrays_without_numbers(model, file, tmp_path):
    _, weights = file
    weights["stem_bn/beta"] = weights["stem_bn/beta"].astype("complex64")
    path = save(tmp_path / "a.npz", weights)
    tiny.check_refused(model, "stem_bn/beta does not contain real", path)


def test_only_a_few_misfits_are_listed(model, file, tmp_path):
    _, weights = file
    few = dict(list(weights.items())[:5])
    path = save(tmp_path / "few.npz", few)
    num_missing = len(weights) - 5
    with pytest.raises(ValueError, match=f"{num_missing} missing") as caught:
        load_checkpoint(model, path)
    line = str(caught.value).splitlines()[-1]
    assert line.count(";") == 5 and line.endswith("; ...")


def test_another_variant_is_named(tmp_path):
    model = keras_efficient.EfficientNetB0(weights=None)
    weights = {
        name: np.broadcast_to(np.float32(0), shape)
        for name, shape in checkpoints.shapes_of("EfficientNetB1").items()
    }
    path = checkpoints.write_keras2_h5(
        tmp_path / "b1.h5", weights, checkpoints.IMAGENET[1]
    )
    message = (
        "b1.h5.*file looks like EfficientNetB1. The model looks like "
        r"EfficientNetB0[\s\S]*unexpected: block1b_dwconv/depthwise_kernel"
    )
    tiny.check_refused(model, message, path)


def test_another_number_of_classes(model, file, caplog):
    path, weights = file
    model = tiny.build(classes=7)
    before = tiny.values(model)
    report = load_checkpoint(model, path)
    assert caplog.messages == [
        "tiny.npz has 5 classes, the model 7: the classifier was not loaded."
    ]
    names = ["predictions/kernel", "predictions/bias"]
    assert [x.name for x in report.mismatched] == names
    kept = {name: before[name] for name in names}
    tiny.check_equal(tiny.values(model), {**weights, **kept})


def test_a_classifier_of_other_features_is_a_misfit(model, file, tmp_path):
    _, weights = file
    weights["predictions/kernel"] = np.ones((9, 7), "float32")
    weights["predictions/bias"] = np.ones(7, "float32")
    path = save(tmp_path / "a.npz", weights)
    tiny.check_refused(model, "predictions/kernel is", path)


def test_a_model_without_classifier_takes_a_file_with_one(file):
    path, weights = file
    names = ("predictions/kernel", "predictions/bias")
    report = load_checkpoint(tiny.build(include_top=False), path)
    assert report.ignored == names
    assert set(report.loaded) == set(weights) - set(names)


def test_a_model_with_classifier_needs_one(model, file, tmp_path):
    _, weights = file
    for name in ("predictions/kernel", "predictions/bias"):
        del weights[name]
    path = save(tmp_path / "no_top.npz", weights)
    tiny.check_refused(model, "no classifier.*`include_top=False`", path)


def test_layers_of_the_user_must_be_filled(file):
    backbone = tiny.build(include_top=False, pooling="avg")
    outputs = keras.layers.Dense(3, name="head")(backbone.output)
    model = keras.Model(backbone.input, outputs)
    tiny.check_refused(model, "2 missing: head/kernel; head/bias", file[0])
    report = load_checkpoint(model, file[0], strict=False)
    assert report.missing == ("head/kernel", "head/bias")


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("block2a_bn/beta", np.nan, "block2a_bn/beta contains 1 infinite"),
        ("stem_conv/kernel", np.inf, "stem_conv/kernel contains 1 infinite"),
        ("top_bn/moving_variance", -0.1, "top_bn.*negative variance -0.1"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_impossible_numbers(
    model, file, tmp_path, name, value, message, strict
):
    _, weights = file
    weights[name].flat[3] = value
    path = save(tmp_path / "a.npz", weights)
    tiny.check_refused(
        model, f"a.npz is damaged.*{message}", path, strict=strict
    )


def test_nothing_that_fits(model, tmp_path):
    path = save(tmp_path / "a.npz", {"stem_conv/kernel": np.ones((2, 2))})
    tiny.check_refused(model, "No array of it fits", path, strict=False)


def test_another_network(model, tmp_path):
    path = save(tmp_path / "a.npz", {"layer1.0.conv1.weight": np.ones(3)})
    tiny.check_refused(model, "names of an EfficientNet.*layer1.0.conv1", path)


def save_as(path, scheme, model):
    """Write weights of a model with the names and axes of a library."""
    weights = tiny.random_weights(model)
    table = scheme.table(blocks_in(weights))
    return save(path, {name: _to_torch(table[name], weights) for name in table})


def _to_torch(name, weights):
    array = weights[name]
    if name.endswith("_dwconv/kernel"):
        return array.transpose(2, 3, 0, 1)
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    return array.T


SYMMETRIC = {"padding": "symmetric", "batch_norm_epsilon": 1e-5}


@pytest.mark.parametrize(
    "scheme, source, arguments",
    [
        (TIMM, "timm_tf", {}),
        (TIMM, "timm", SYMMETRIC),
        (LUKEMELAS, "lukemelas", {}),
    ],
)
def test_other_padding_is_refused(tmp_path, scheme, source, arguments):
    right = tiny.build(**arguments)
    path = save_as(tmp_path / "a.npz", scheme, right)
    report = load_checkpoint(right, path, source=source)
    assert report.source == source
    needed = ("symmetric", 1e-5) if arguments else ("same", 1e-3)
    for padding in ("same", "symmetric"):
        for epsilon in (1e-3, 1e-5):
            if (padding, epsilon) == needed:
                continue
            wrong = tiny.build(padding=padding, batch_norm_epsilon=epsilon)
            message = (
                f"{source!r}, trained with padding='{needed[0]}'.*Received a "
                f"model with padding='{padding}' and "
                f"batch_norm_epsilon={epsilon:g}.*EfficientNet"
            )
            tiny.check_refused(wrong, message, path, source=source)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("tf_efficientnet_b0_ns-c0e6a31c.pth", "timm_tf"),
        ("my_tf_efficientnet_b0.pth", "timm_tf"),
        ("efficientnet_b0_ra-3dd342df.pth", "timm"),
    ],
)
def test_names_of_files_of_timm(model, tmp_path, name, expected):
    network = Network.of(model)
    arrays = {"conv_stem.weight": np.ones(3)}
    # The config of another model beside it is ignored.
    for config in ({}, {"architecture": "tf_efficientnet_b0"}):
        checkpoint = Checkpoint(tmp_path / name, FORMATS[0], arrays, config)
        assert identify(checkpoint, network).source.name == expected


@pytest.mark.parametrize(
    "architecture", ["tf_efficientnet_b0", "efficientnet_b0"]
)
def test_the_config_beside_a_file_of_timm(tmp_path, architecture):
    """Files of the Hugging Face hub have a config."""
    is_tf = architecture.startswith("tf_")
    model = tiny.build(**({} if is_tf else SYMMETRIC))
    path = save_as(tmp_path / "model.npz", TIMM, model)
    (tmp_path / "config.json").write_text(
        f'{{"architecture": "{architecture}", "pretrained_cfg": '
        '{"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}}'
    )
    report = load_checkpoint(model, path)
    assert report.source == ("timm_tf" if is_tf else "timm")
    assert report.normalization.mean == (0.5, 0.4, 0.3)
    assert report.normalization.std == (0.2, 0.3, 0.4)


def test_config_of_another_file_is_ignored(model, tmp_path):
    path = save_as(tmp_path / "tf_efficientnet_b0.npz", TIMM, model)
    (tmp_path / "config.json").write_text(
        '{"architecture": "resnet18", "mean": [0, 0, 0], "std": [1, 1, 1]}'
    )
    report = load_checkpoint(model, path)
    assert report.normalization.mean == checkpoints.IMAGENET[0]


def test_ambiguous_name_requires_a_source(model, tmp_path):
    path = save_as(tmp_path / "best.npz", TIMM, model)
    tiny.check_refused(
        model, 'Pass `source="timm_tf"` or `source="timm"`', path
    )


@pytest.mark.parametrize(
    "source, message",
    [
        ("pytorch", "one of.*'timm_tf'.*Received: source='pytorch'"),
        ("lukemelas", "names of 'timm'. Received: source='lukemelas'"),
    ],
)
def test_wrong_sources(model, tmp_path, source, message):
    path = save_as(tmp_path / "best.npz", TIMM, model)
    tiny.check_refused(model, message, path, source=source)


def test_a_model_of_ours_as_legacy_h5(tmp_path):
    """`model.save("a.h5")` names layers; any padding is accepted."""
    original = tiny.build(**SYMMETRIC)
    for variable in original.weights:
        value = np.random.default_rng(3).uniform(0.1, 1, variable.shape)
        variable.assign(value)
    original.save(tmp_path / "a.h5")
    model = tiny.build(**SYMMETRIC)
    report = load_checkpoint(model, tmp_path / "a.h5")
    assert report.source == "keras_efficient"
    for value, same in zip(
        original.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(value, same)


def test_reports_can_be_read(model, file, tmp_path):
    _, weights = file
    del weights["stem_bn/beta"]
    weights["other/kernel"] = np.ones(3)
    path = save(tmp_path / "a.npz", weights)
    lines = str(load_checkpoint(model, path, strict=False)).splitlines()
    assert lines == [
        f"{path} (keras_applications): {len(weights) - 1} loaded",
        "1 missing: stem_bn/beta",
        "1 unexpected: other/kernel",
        "pixels: mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225), "
        "from ImageNet, since neither the file nor its name contains it",
    ]
