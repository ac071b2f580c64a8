"""Tests for EfficientDet, compared with google/automl."""

import json

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient.converters import load_checkpoint
from keras_efficient.variants import EFFICIENTDET_VARIANTS
from tests import automl_weights
from tests.marks import on_one_backend
from tests.models.detectors import build
from tests.models.detectors import predict
from tests.shared import SHARED
from tests.shared import needs_shared

pytestmark = on_one_backend

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


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.slow if name in ("D5", "D6", "D7", "D7x") else (),
        )
        for name in COUNTS
    ],
)
def test_counts_of_parameters_and_multiply_adds(name):
    model = build(name)
    assert model.name == f"efficientdet{name.lower()}"
    parameters, multiply_adds = COUNTS[name]
    row = EFFICIENTDET_VARIANTS[f"EfficientDet{name}"]
    assert row.parameters == sum(parameters)
    assert row.multiply_adds == sum(multiply_adds)
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
    """Load the golden weights as a checkpoint of google/automl."""
    name = expected["model"].replace("efficientdet-d", "EfficientDetD")
    backbone = EFFICIENTDET_VARIANTS[name].backbone.name
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
    """Compare the values of one image, channels last, with the stored ones.

    Returns the largest difference, divided by the largest value.
    """
    height, width, _ = values.shape
    assert list(values.shape) == wanted["shape"][-3:], name
    worst = 0.0
    for found, key in (
        (values.mean(), "mean"),
        (values.std(), "std"),
        (np.abs(values).max(), "absmax"),
        (values[0, 0, :4], "first4"),
        (values[height // 2, width // 2, :4], "center4"),
        (values[-1, -1, -2:], "last2"),
    ):
        difference = np.abs(np.asarray(found) - wanted[key]).max()
        assert difference <= tolerance * wanted["absmax"], (name, key)
        worst = max(worst, difference / wanted["absmax"])
    return worst


def is_quick(name, data_format):
    if data_format == "channels_first":
        return name == "d0_256x256"
    return name.startswith("d0_")


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
    worst = max(
        check_tensor(tensor, found[tensor][0], expected["tensors"][tensor])
        for tensor in set(expected["tensors"]) & set(found)
    )
    backend = keras.backend.backend()
    print(f"golden {name}, {data_format}, {backend}: {worst:.1e}")


def _taps(model):
    """Return the feature network with its inputs and all cells as outputs."""
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
    """Return the outputs as maps of each level, as in google/automl."""
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
@pytest.mark.parametrize(
    "name", ["D0", pytest.param("D7x", marks=pytest.mark.slow)]
)
def test_variables_are_those_of_google_automl(name):
    path = SHARED / "specs" / "efficientdet_variables.json"
    rows = json.loads(path.read_text())[f"efficientdet-{name.lower()}"]
    backbone = EFFICIENTDET_VARIANTS[f"EfficientDet{name}"].backbone.name
    shapes = automl_weights.automl_shapes(
        build(name), backbone.replace("EfficientNetB", "efficientnet-b")
    )
    assert shapes == _shapes_in(rows)


def _shapes_in(rows):
    return {row["name"].removesuffix(":0"): tuple(row["shape"]) for row in rows}
