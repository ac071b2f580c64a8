"""Holds README and docs to the code: names, numbers and links."""

import ast
import pathlib
import re

import pytest

import keras_efficient
from keras_efficient.weights import entries

REPOSITORY = pathlib.Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
README = PAGES[0].read_text()


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("code", blocks(README))
def test_code_names_what_there_is(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if not re.fullmatch(r"keras_efficient(\.\w+)+", name):
                continue
            found = keras_efficient
            for part in name.split(".")[1:]:
                found = getattr(found, part)


def test_the_parts_run():
    (code,) = (x for x in blocks(README) if "MBConvBlock" in x)
    names = {"keras_efficient": keras_efficient}
    exec(code, names)
    assert list(names["features"]) == ["P1", "P2", "P3", "P4", "P5"]
    assert [s.filters for s in names["stages"]][:2] == [24, 32]


def test_reported_accuracies_are_those_of_the_manifest():
    rows = re.findall(
        r"\| (B\d) \| [\d,]+ \| [^|]+ \| (\d+) \| ([\d.]+) \| ([\d.]+) "
        r"\| ([\d.]+) \|",
        README,
    )
    assert len(rows) == 8
    listed = entries()
    for name, resolution, *accuracies in rows:
        variant = keras_efficient.variants.EFFICIENTNET_VARIANTS[
            f"EfficientNet{name}"
        ]
        assert variant.resolution == int(resolution)
        tags = ("imagenet", "noisy-student", "advprop")
        for tag, accuracy in zip(tags, accuracies, strict=True):
            reported = {
                entry.metrics["reported"]["top1"]
                for entry in listed
                if (entry.model, entry.tag) == (variant.name, tag)
                and entry.metrics
            }
            assert float(accuracy) in reported, (name, tag, reported)


def test_reported_precisions_are_those_of_the_manifest():
    rows = re.findall(
        r"\| (D\dx?) \| (B\d) \| ([\d,]+) \| ([\d.]+) G \| (\d+) "
        r"\| (\d+) x (\d) \| ([\d.]+) \|",
        README,
    )
    assert len(rows) == 9
    listed = {entry.name: entry for entry in entries()}
    for name, backbone, parameters, _, resolution, *rest in rows:
        variant = keras_efficient.variants.EFFICIENTDET_VARIANTS[
            f"EfficientDet{name}"
        ]
        entry = listed[f"efficientdet{name.lower()}.coco"]
        filters, repeats, precision = rest
        assert variant.backbone == f"EfficientNet{backbone}"
        assert entry.num_params == int(parameters.replace(",", ""))
        assert variant.resolution == int(resolution)
        assert variant.fpn_filters == int(filters)
        assert variant.fpn_repeats == int(repeats)
        assert entry.metrics["reported"]["ap"] == float(precision)
