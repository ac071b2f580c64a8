"""Tests of `weights_manifest.json`, recomputed where possible."""

import copy
import importlib
import json
import math
import pathlib
import re

import pytest
from keras.src.applications import efficientnet
from keras.src.applications import resnet

import keras_efficient
from keras_efficient import counting
from keras_efficient import weights
from keras_efficient.variants import CLASSIFICATION_VARIANTS
from keras_efficient.variants import DETECTION_VARIANTS
from keras_efficient.weights import manifest
from tests.converters import checkpoints
from tests.marks import on_one_backend

pytestmark = on_one_backend

PATH = pathlib.Path(__file__).parents[1] / "weights_manifest.json"
ENTRIES = manifest.entries()
CLASSIFIERS = [e for e in ENTRIES if e.model in CLASSIFICATION_VARIANTS]
DETECTORS = [e for e in ENTRIES if e.model in DETECTION_VARIANTS]
# Networks that compound scaling also applies to.
SCALABLE = {
    "MobileNetV1": (0.5, 0.5, 0.5),
    "MobileNetV2": (0.5, 0.5, 0.5),
    "ResNet50": (0.485020, 0.457957, 0.407604),
}
OTHERS = [e for e in ENTRIES if e.model in SCALABLE]
# Section 1.1 of the specification.
DETECTOR_PARAMS = {
    "EfficientDetD0": 3_880_067,
    "EfficientDetD1": 6_625_898,
    "EfficientDetD2": 8_097_039,
    "EfficientDetD3": 12_032_296,
    "EfficientDetD4": 20_723_675,
    "EfficientDetD5": 33_653_315,
    "EfficientDetD6": 51_871_782,
    "EfficientDetD7": 51_871_782,
    "EfficientDetD7x": 77_147_166,
    "EfficientDetLite0": 3_243_470,
    "EfficientDetLite1": 4_248_318,
    "EfficientDetLite2": 5_252_334,
    "EfficientDetLite3": 8_350_862,
    "EfficientDetLite3x": 9_280_862,
    "EfficientDetLite4": 15_130_894,
}
LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
REDISTRIBUTABLE = {"Apache-2.0", "MIT", "BSD-3-Clause"}


def is_lite(entry):
    return "Lite" in entry.model


def content():
    return json.loads(PATH.read_text())


def test_names_and_urls_differ():
    for what in ("name", "file_name"):
        values = [getattr(entry, what) for entry in ENTRIES]
        assert len(set(values)) == len(values)
    urls = [url for entry in ENTRIES for url in entry.urls]
    assert len(set(urls)) == len(urls)
    hashes = [str(entry.hash) for entry in ENTRIES if entry.hash]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("entry", DETECTORS, ids=lambda entry: entry.name)
def test_entries_of_detectors_agree_with_the_network(entry):
    variant = DETECTION_VARIANTS[entry.model]
    assert entry.input.size == (variant.resolution,) * 2
    assert entry.input.value_range == (0, 255)
    assert entry.num_params == DETECTOR_PARAMS[entry.model]
    assert entry.num_classes == 90
    assert entry.class_names == "coco90"


@pytest.mark.parametrize("entry", CLASSIFIERS, ids=lambda entry: entry.name)
def test_entries_agree_with_the_network(entry):
    variant = CLASSIFICATION_VARIANTS[entry.model]
    assert entry.input.size == (variant.resolution,) * 2
    assert entry.input.value_range == (0, 255)
    shapes = checkpoints.shapes_of(entry.model, entry.num_classes)
    expected = sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if "/moving_" not in name
        and (entry.include_top or not name.startswith("predictions/"))
    )
    assert entry.num_params == expected
    assert entry.num_classes == (1000 if entry.include_top else 0)
    assert entry.class_names == ("imagenet1k" if entry.include_top else None)


@pytest.mark.parametrize("entry", OTHERS, ids=lambda entry: entry.name)
def test_entries_of_other_networks_agree_with_the_network(entry):
    builder = getattr(keras_efficient, entry.model)
    model = builder(include_top=entry.include_top)
    assert entry.num_params == counting.count_parameters(model)
    assert entry.num_classes == (1000 if entry.include_top else 0)
    layer = model.get_layer("preprocessing")
    for ours, published in (
        (layer.initial_mean, entry.input.mean),
        (layer.initial_std, entry.input.std),
    ):
        assert ours == pytest.approx(published, abs=1e-6)


def test_other_networks_are_those_of_keras_applications():
    """The names of files are parts of strings in its sources."""
    for entry in OTHERS:
        module = entry.source["url"].rpartition("/")[2].removesuffix(".py")
        peer = importlib.import_module(f"keras.src.applications.{module}")
        base = getattr(peer, "BASE_WEIGHT_PATH", None)
        base = base or peer.BASE_WEIGHTS_PATH
        assert entry.urls == (f"{base}{entry.file_name}",)
    hashes = [e.hash.get("md5") for e in OTHERS if e.model == "ResNet50"]
    assert tuple(hashes) == resnet.WEIGHTS_HASHES["resnet50"]
    assert not any(e.hash for e in OTHERS if e.model != "ResNet50")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entries_have_sources(entry):
    assert entry.license.spdx in REDISTRIBUTABLE
    assert entry.license.url.startswith("https://")
    assert set(entry.source) == {"url", "note"}
    assert set(entry.training) == {"dataset", "recipe"}
    assert set(entry.metrics) <= {"reported"}
    if entry.metrics:
        reported = entry.metrics["reported"]
        if entry in DETECTORS:
            assert set(reported) == {"dataset", "ap", "url"}
            lowest = 26 if is_lite(entry) else 34
            assert lowest < reported["ap"] < 56
        else:
            assert set(reported) == {"dataset", "top1", "url"}
            lowest = 70 if entry in OTHERS else 75 if is_lite(entry) else 76
            assert lowest < reported["top1"] < 87
    name = f"{entry.model.lower()}.{entry.tag}"
    assert entry.name == name or entry.name.startswith(f"{name}.")


@pytest.mark.parametrize(
    "entry", CLASSIFIERS + DETECTORS, ids=lambda entry: entry.name
)
def test_pixels_are_normalized_as_the_weights_were_trained(entry):
    """timm and effdet evaluate Lite with 0.5 and 0.5."""
    is_half = entry.tag.endswith("advprop")
    expected = checkpoints.HALF if is_half else checkpoints.IMAGENET
    expected = LITE if is_lite(entry) else expected
    assert (entry.input.mean, entry.input.std) == expected


def test_hashes_are_those_in_the_names():
    for entry in ENTRIES:
        found = re.search(r"-([0-9a-f]{8})\.pth$", entry.file_name)
        if entry.format in ("timm_tf", "effdet_tf"):
            assert entry.hash == {"sha256_prefix": found[1]}
        elif entry.format != "keras_applications_h5":
            assert entry.hash == {}


def test_hashes_are_those_of_keras_applications():
    published = efficientnet.WEIGHTS_HASHES
    found = {
        f"efficientnet{key}{suffix}.h5": {"md5": pair[i]}
        for key, pair in published.items()
        for i, suffix in enumerate(("", "_notop"))
    }
    ours = {
        entry.file_name: entry.hash
        for entry in CLASSIFIERS
        if entry.format == "keras_applications_h5"
    }
    assert ours == found
    base = efficientnet.BASE_WEIGHTS_PATH
    assert all(
        entry.urls == (f"{base}{entry.file_name}",)
        for entry in ENTRIES
        if entry.file_name in ours
    )


def test_urls_are_those_of_timm():
    timm = checkpoints.import_peer("timm")
    names = timm.list_pretrained(
        ["tf_efficientnet_b*", "tf_efficientnet_lite*"]
    )
    published = {timm.models.get_pretrained_cfg(name).url for name in names}
    for entry in ENTRIES:
        if entry.format == "timm_tf":
            assert entry.urls[0] in published, entry.name


def test_urls_are_those_of_lukemelas():
    peer = checkpoints.import_peer("efficientnet_pytorch.utils")
    published = {*peer.url_map.values(), *peer.url_map_advprop.values()}
    for entry in ENTRIES:
        if entry.format == "lukemelas":
            assert set(entry.urls) <= published


def test_urls_are_those_of_effdet():
    checkpoints.import_peer("timm")
    peer = checkpoints.import_peer("effdet.config.model_config")
    configs = peer.efficientdet_model_param_dict.values()
    published = {config.get("url") for config in configs}
    for entry in ENTRIES:
        if entry.format == "effdet_tf":
            assert set(entry.urls) <= published


def test_every_detector_has_its_sets():
    for name in DETECTION_VARIANTS:
        advprop = ("coco-advprop",) if name < "EfficientDetD6" else ()
        assert weights.tags(name) == ("coco", *advprop)
        formats = [entry.format for entry in weights.find(name, "coco")]
        expected = ["automl_h5", "effdet_tf", "tensorflow_checkpoint"]
        assert formats == expected["Lite" in name :]


def test_every_variant_has_its_sets():
    both = ("imagenet", "noisy-student", "advprop")
    for name in CLASSIFICATION_VARIANTS:
        if "Lite" in name:
            assert weights.tags(name) == ("imagenet",)
            formats = [entry.format for entry in weights.find(name, "imagenet")]
            assert formats == ["timm_tf", "tensorflow_checkpoint"]
            continue
        more = []
        if name < "EfficientNetB6":
            more.append("imagenet-baseline")
        if name in ("EfficientNetB5", "EfficientNetB7"):
            more.append("imagenet-randaugment")
        assert set(weights.tags(name)) == {*both, *more}
    assert weights.tags("EfficientNetB9") == ()


def test_files_are_found_in_the_order_to_try():
    def formats(*arguments):
        return [entry.format for entry in weights.find(*arguments)]

    b0 = "EfficientNetB0"
    other = ["timm_tf", "lukemelas", "tensorflow_checkpoint"]
    assert formats(b0, "imagenet") == ["keras_applications_h5", *other]
    assert formats(b0, "advprop") == other
    assert formats(b0, "noisy-student") == ["timm_tf", other[-1]]
    names = [x.name for x in weights.find(b0, "imagenet", include_top=False)]
    assert names[:3] == [
        "efficientnetb0.imagenet.notop",
        "efficientnetb0.imagenet",
        "efficientnetb0.imagenet.timm",
    ]
    assert weights.find(b0, "coco") == ()


def test_files_are_found_by_name():
    entry = weights.by_file_name("adv-efficientnet-b3-cdd7c0f4.pth")
    assert entry.name == "efficientnetb3.advprop.lukemelas"
    # Google published three different files of this name.
    assert weights.by_file_name("efficientnet-b0.tar.gz") is None


def change(**fields):
    def apply(entry):
        for name, value in fields.items():
            if value is None:
                del entry[name]
            else:
                entry[name] = value

    return apply


@pytest.mark.parametrize(
    "apply, message",
    [
        (change(tag=None), r"missing fields \['tag'\]"),
        (change(colour="red"), r"unknown fields \['colour'\]"),
        (change(format="zip"), "`format` must be one of.*'zip'"),
        (change(urls=[]), "`urls` must not be empty"),
        (change(urls=["http://a/b"]), "https.*'http://a/b'"),
        (change(file_name="../a"), "name without folders.*'../a'"),
        (change(hash={"md5": "12"}), "32 hexadecimal.*'12'"),
        (change(hash={"md5": "g" * 32}), "32 hexadecimal"),
        (change(hash={"crc": "1"}), "`hash` must be one of.*'crc'"),
        (change(num_params=0), "`num_params` must be positive"),
        (lambda e: e["input"].update(std=[1, 0, 1]), "`std` must be positive"),
        (lambda e: e["input"].update(mean=[1]), "three numbers"),
        (lambda e: e["input"].pop("size"), r"input.*missing.*\['size'\]"),
        (lambda e: e["license"].pop("url"), r"license.*missing.*\['url'\]"),
    ],
)
def test_schema(apply, message):
    wrong = copy.deepcopy(content())
    apply(wrong["weights"][3])
    name = wrong["weights"][3]["name"]
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        manifest.parse(wrong)


def test_schema_of_the_whole():
    with pytest.raises(ValueError, match="schema_version=2"):
        manifest.parse({**content(), "schema_version": 2})
    twice = content()
    twice["weights"].append(twice["weights"][0])
    with pytest.raises(ValueError, match="twice.*efficientnetb0.imagenet"):
        manifest.parse(twice)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="Reinstall `keras-efficient`"):
        manifest.read(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        manifest.read(tmp_path / "a.json")
