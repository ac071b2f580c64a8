"""Tests for EfficientDet against the numbers of google/automl."""

import json

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient.converters import load_checkpoint
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from keras_efficient.variants import MBConvStage
from tests import automl_weights
from tests.shared import SHARED
from tests.shared import needs_shared

# Spec sections 1.1 and 1.2: trainable parameters of backbone, first level
# behind it, BiFPN, class and box head; multiply-adds of backbone, BiFPN with
# resampling, class and box head.
COUNTS = {
    "D0": (
        (3_595_388, 20_672, 175_609, 69_354, 19_044),
        (1_901_490_688, 136_203_264, 362_452_992, 92_184_576),
    ),
    "D1": (
        (6_101_024, 28_424, 362_548, 101_394, 32_508),
        (4_467_988_480, 450_639_200, 832_722_000, 252_067_200),
    ),
    "D2": (
        (7_202_562, 39_760, 668_399, 136_890, 49_428),
        (7_430_027_200, 1_216_329_408, 1_625_145_984, 560_964_096),
    ),
    "D3": (
        (10_103_336, 61_920, 1_497_554, 247_050, 122_436),
        (14_888_439_104, 3_755_971_520, 3_996_792_800, 1_927_550_240),
    ),
    "D4": (
        (16_742_216, 101_024, 3_248_805, 402_890, 228_740),
        (30_502_916_448, 10_744_760_320, 8_559_896_576, 4_776_138_752),
    ),
    "D5": (
        (27_288_112, 148_320, 5_257_573, 591_498, 367_812),
        (75_039_058_752, 27_275_414_400, 19_710_345_600, 12_109_046_400),
    ),
    "D6": (
        (39_403_992, 222_336, 10_361_472, 1_090_986, 792_996),
        (107_284_332_384, 54_062_592_000, 36_454_809_600, 26_319_744_000),
    ),
    "D7": (
        (39_403_992, 222_336, 10_361_472, 1_090_986, 792_996),
        (154_486_146_912, 77_850_132_480, 52_494_925_824, 37_900_431_360),
    ),
    "D7x": (
        (62_143_440, 246_912, 12_865_152, 1_094_826, 796_836),
        (238_646_285_312, 78_520_430_592, 52_533_411_840, 37_928_217_600),
    ),
}
TINY_STAGES = (
    MBConvStage(1, 3, 1, 8, 1),
    MBConvStage(2, 3, 2, 8, 1),
    MBConvStage(2, 3, 2, 16, 1),
    MBConvStage(2, 3, 2, 24, 1),
)
GOLDENS = (
    "d0_256x256",
    "d0_250x333",
    "d0_256x256_attn",
    "d1_256x256",
    "d4_256x256",
    "d6_256x256",
    "d7x_256x256",
)
FORMATS = ("channels_last", "channels_first")


def build(name, **arguments):
    builder = getattr(keras_efficient, f"EfficientDet{name}")
    return builder(weights=None, backbone_weights=None, **arguments)


def tiny(**arguments):
    """A detector of 16 filters on a backbone of four blocks, to P5."""
    backbone = keras_efficient.EfficientNet(
        include_top=False,
        stages=TINY_STAGES,
        stem_filters=8,
        top_filters=8,
        drop_connect_rate=0.0,
        input_shape=arguments.pop("input_shape", (64, 96, 3)),
        data_format=arguments.get("data_format"),
    )
    return keras_efficient.EfficientDet(
        backbone,
        **{
            "num_classes": 3,
            "fpn_filters": 16,
            "fpn_repeats": 1,
            "head_repeats": 1,
            "max_level": 5,
            **arguments,
        },
    )


def image(*shape, seed=0):
    pixels = np.random.default_rng(seed).uniform(0, 255, shape)
    return pixels.astype("float32")


def predict(model, x):
    return model.predict(x, verbose=0)


def assert_same(outputs, expected, atol=1e-5):
    assert set(outputs) == set(expected) == {"class_logits", "box_deltas"}
    for name, values in expected.items():
        np.testing.assert_allclose(
            outputs[name], values, rtol=1e-4, atol=atol, err_msg=name
        )


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_parameters_and_multiply_adds(name):
    model = build(name)
    assert model.name == f"efficientdet{name.lower()}"
    parameters, multiply_adds = COUNTS[name]
    network = model.feature_network
    first = counting.count_parameters(network.get_layer("resample_p6"))
    found = (
        counting.count_parameters(model.backbone),
        first,
        counting.count_parameters(network) - first,
        counting.count_parameters(model.class_head),
        counting.count_parameters(model.box_head),
    )
    assert found == parameters
    assert counting.count_parameters(model) == sum(parameters)
    counts = counting.count_multiply_adds(model, by_layer=True)

    def total(*prefixes):
        return sum(n for path, n in counts.items() if path.startswith(prefixes))

    parts = (
        total("bifpn", "resample"),
        total("class_head"),
        total("box_head"),
    )
    assert parts == multiply_adds[1:]
    assert sum(counts.values()) == sum(multiply_adds)


def golden(name):
    path = SHARED / "specs" / "efficientdet_golden.json"
    return json.loads(path.read_text())["network"][name]


def fill(model, expected, path):
    """Gives the golden weights to the converter, as google/automl's file."""
    name = expected["model"].replace("efficientdet-d", "EfficientDetD")
    backbone = EFFICIENTDET_VARIANTS[name].backbone
    centers = expected["gamma_center"]
    arrays = {
        name: automl_weights.golden_value(
            name, shape, centers["backbone"], centers["rest"]
        )
        for name, shape in automl_weights.automl_shapes(
            model, backbone.replace("EfficientNetB", "efficientnet-b")
        ).items()
    }
    np.savez(path, **arrays)
    load_checkpoint(model, path)
    return arrays


def check_tensor(name, values, wanted, tolerance=1e-4):
    """Against the stored figures; `values` are one image's, channels last."""
    height, width, _ = values.shape
    assert list(values.shape) == wanted["shape"][-3:], name
    scale = wanted["absmax"] * tolerance
    for found, key in (
        (values.mean(), "mean"),
        (values.std(), "std"),
        (np.abs(values).max(), "absmax"),
        (values[0, 0, :4], "first4"),
        (values[height // 2, width // 2, :4], "center4"),
        (values[-1, -1, -2:], "last2"),
    ):
        np.testing.assert_allclose(
            found, wanted[key], rtol=0, atol=scale, err_msg=f"{name} {key}"
        )


def is_quick(name, data_format):
    return name.startswith("d0_2") and (
        data_format == "channels_last" or not name.endswith("attn")
    )


@needs_shared
@pytest.mark.parametrize(
    "name, data_format",
    [
        pytest.param(
            name,
            data_format,
            marks=() if is_quick(name, data_format) else pytest.mark.slow,
        )
        for name in GOLDENS
        for data_format in FORMATS
    ],
)
def test_goldens(name, data_format, tmp_path):
    expected = golden(name)
    height, width = expected["image"]
    shape = (height, width, 3)
    arguments = {"weight_method": "softmax"} if expected["overrides"] else {}
    first = data_format == "channels_first"
    model = build(
        expected["model"].replace("efficientdet-d", "D"),
        input_shape=(3, height, width) if first else shape,
        include_preprocessing=False,
        data_format=data_format,
        **arguments,
    )
    fill(model, expected, tmp_path / "automl.npz")
    x = np.random.RandomState(0).uniform(-2, 2, (1, *shape))
    x = _moved(x.astype("float32"), first)
    found = _levels(model, predict(model, x))
    if name != "d0_250x333":
        features = predict(_taps(model), predict(model.backbone, x))
        found |= {k: _moved_back(v, first) for k, v in features.items()}
        assert set(expected["tensors"]) <= set(found)
    for tensor in set(expected["tensors"]) & set(found):
        check_tensor(tensor, found[tensor][0], expected["tensors"][tensor])


def _taps(model):
    """The feature network with its inputs and all cells as outputs."""
    network = model.feature_network
    taps = {f"{level}_in": x for level, x in network.input.items()}
    for layer in network.layers:
        if layer.name.startswith("resample_"):
            taps[f"{layer.name[-2:].upper()}_in"] = layer.output
        elif layer.name.startswith("bifpn_"):
            cell = layer.name.replace("bifpn_", "cell")
            for level, x in enumerate(layer.output, layer.min_level):
                taps[f"{cell}_P{level}"] = x
    return keras.Model(network.input, taps)


def _moved(x, first):
    return np.moveaxis(x, -1, 1) if first else x


def _moved_back(x, first):
    return np.moveaxis(x, 1, -1) if first else x


def _levels(model, outputs):
    """The outputs as maps of each level, as google/automl gives them."""
    head, offset, maps = model.class_head, 0, {}
    sizes = keras_efficient.ops.feature_sizes(
        model.image_size, head.min_level, head.max_level
    )
    for level, (height, width) in enumerate(sizes, head.min_level):
        count = height * width * head.num_anchors
        for kind, output in (("class", "class_logits"), ("box", "box_deltas")):
            values = outputs[output][:, offset : offset + count]
            maps[f"{kind}_P{level}"] = values.reshape(1, height, width, -1)
        offset += count
    assert offset == outputs["class_logits"].shape[1]
    return maps


@needs_shared
@pytest.mark.parametrize("name", ["D0", "D7x"])
def test_variables_are_those_of_google_automl(name):
    path = SHARED / "specs" / "efficientdet_variables.json"
    rows = json.loads(path.read_text())[f"efficientdet-{name.lower()}"]
    backbone = EFFICIENTDET_VARIANTS[f"EfficientDet{name}"].backbone
    shapes = automl_weights.automl_shapes(
        build(name), backbone.replace("EfficientNetB", "efficientnet-b")
    )
    assert shapes == _shapes_in(rows)


def _shapes_in(rows):
    return {row["name"].removesuffix(":0"): tuple(row["shape"]) for row in rows}


def test_begins_with_the_prior():
    model = build("D0", input_shape=(128, 160, 3))
    outputs = predict(model, image(1, 128, 160, 3))
    probabilities = 1 / (1 + np.exp(-outputs["class_logits"]))
    assert probabilities.mean() == pytest.approx(0.01, rel=0.05)


def test_takes_images_of_any_size():
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


@pytest.mark.parametrize("network", ["fpn", "panet", "nas_fpn", "bifpn"])
def test_other_feature_networks(network):
    model = tiny(feature_network=network, max_level=7)
    names = [layer.name for layer in model.feature_network.layers]
    assert f"{network}_0" in names
    outputs = predict(model, image(2, 64, 96, 3))
    assert outputs["class_logits"].shape[0] == 2
    assert np.isfinite(outputs["box_deltas"]).all()


def test_parts_of_the_users_own():
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
    # 8 x 12, 4 x 6, 2 x 3, 1 x 2 and 1 x 1 places.
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
def test_survives_saving(suffix, tmp_path):
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


@pytest.mark.parametrize("part", ["backbone", "feature_network"])
def test_frozen_parts_keep_everything(part):
    model = tiny()
    frozen = getattr(model, part)
    frozen.trainable = False
    before = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
    model.compile(
        keras.optimizers.SGD(0.1),
        {"class_logits": "mse", "box_deltas": "mse"},
    )
    x = image(2, 64, 96, 3)
    targets = {
        name: np.ones((2, *tensor.shape[1:]), "float32")
        for name, tensor in model.output.items()
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


def test_a_backbone_without_levels(zero_initial_weights):
    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(64, 96, 3), alpha=0.35
    )
    with pytest.raises(ValueError, match="`pyramid_outputs`.*Received"):
        keras_efficient.EfficientDet(network)
    with pytest.raises(ValueError, match="Received: str without levels"):
        keras_efficient.EfficientDet("EfficientNetB0")


def test_inputs_that_are_too_small():
    with pytest.raises(ValueError, match=r"at least 32.*\(16, 64, 3\)"):
        build("D0", input_shape=(16, 64, 3))


def test_unknown_weights():
    with pytest.raises(ValueError, match="weights='cocoa'"):
        keras_efficient.EfficientDetD0(weights="cocoa", backbone_weights=None)
