"""Tables of the models, from variants, weights manifest and results."""

import pathlib
import re

from keras_efficient import variants
from keras_efficient import weights
from keras_efficient.ops import count_anchors

RESULTS = pathlib.Path(__file__).parents[1] / "results.md"
TAGS = ("imagenet", "noisy-student", "advprop")
# Columns of the results: model, batch size, backend, variant, milliseconds.
SPEED = re.compile(
    r"^\| (\w+) \| (\d+) \| (\w+) \| ([^|]+) \| ([\d.]+) ", re.MULTILINE
)
WAYS = {
    "torch": ("ours", "ours bfloat16"),
    "jax": ("ours",),
    "tensorflow": ("ours", "ours bfloat16"),
    "runtime": ("ORT-ours", "OpenVINO-ours", "OpenVINO-ours bfloat16"),
}
# Column titles in the table of times.
TITLES = {
    "torch ours": "PyTorch",
    "jax ours": "JAX",
    "tensorflow ours": "TensorFlow",
    "runtime ORT-ours": "ONNX Runtime",
    "runtime OpenVINO-ours": "OpenVINO",
}
AUTHORS = (
    "https://github.com/tensorflow/tpu/",
    "https://github.com/google/automl/",
)


def classifiers():
    """Return the size, cost and reported accuracy of B0 to B7 and Lite.

    Returns:
        A table in Markdown.
    """
    head = ["model", "parameters", "multiply-adds", "input"]
    rows = []
    for row in variants.CLASSIFICATION_VARIANTS.values():
        reported = [_reported(row.name, tag, "top1") for tag in TAGS]
        rows.append([_short(row), *_cost(row), row.resolution, *reported])
    return _table(head + [f"`{tag}`" for tag in TAGS], rows)


def detectors():
    """Return the parts, size, cost and reported AP of D0 to D7x and Lite.

    Returns:
        A table in Markdown.
    """
    head = ["model", "backbone", "parameters", "multiply-adds", "input"]
    rows = []
    for row in variants.DETECTION_VARIANTS.values():
        backbone = row.backbone.name.removeprefix("EfficientNet")
        bifpn = f"{row.fpn_filters} x {row.fpn_repeats}"
        reported = _reported(row.name, "coco", "ap")
        rows.append(
            [_short(row), backbone, *_cost(row), row.resolution]
            + [bifpn, reported]
        )
    return _table([*head, "BiFPN", "AP, reported"], rows)


def anchors():
    """Return the anchors of the detectors at their default resolution.

    Returns:
        A table in Markdown.
    """
    rows = []
    for row in variants.DETECTION_VARIANTS.values():
        number = count_anchors(
            (row.resolution, row.resolution),
            row.min_level,
            row.max_level,
        )
        sides = [
            row.anchor_scale * 2**level
            for level in (row.min_level, row.max_level)
        ]
        pixels = [f"{side:g} pixels" for side in sides]
        rows.append([_short(row), row.resolution, f"{number:,}", *pixels])
    return _table(
        ["model", "input", "anchors", "on P3 from", "on the top level from"],
        rows,
    )


def times():
    """Return the measured times for one image in milliseconds.

    Returns:
        A table in Markdown.
    """
    text = RESULTS.read_text().partition("### Training step")[0]
    found = {}
    for model, batch, where, what, milliseconds in SPEED.findall(text):
        if batch == "1" and what in WAYS.get(where, ()):
            found.setdefault(model, {})[where, what] = milliseconds
    ways = [(where, what) for where, all_ in WAYS.items() for what in all_]
    head = ["model", *(_title(*way) for way in ways)]
    rows = [[model, *map(row.get, ways)] for model, row in found.items()]
    return _table(head, [[x or "" for x in row] for row in rows])


def other_networks():
    """Return the size, cost and weights of MobileNet and ResNet.

    Returns:
        A table in Markdown.
    """
    rows = [
        [row.name, *_cost(row), row.resolution, _tags(row.name)]
        for row in variants.SCALABLE_NETWORKS.values()
    ]
    head = ["model", "parameters", "multiply-adds", "input", "weights"]
    return _table(head, rows)


def _title(where, what):
    what, _, dtype = what.partition(" ")
    return f"{TITLES[f'{where} {what}']} {dtype}".strip()


def _short(row):
    return re.sub("Efficient(Net|Det)", "", row.name)


def _cost(row):
    # Three significant digits, as in the papers.
    billions = row.multiply_adds / 1e9
    digits = 3 if billions < 1 else max(0, 3 - len(str(int(billions))))
    return f"{row.parameters:,}", f"{billions:.{digits}f} G"


def _reported(model, tag, measure):
    # The authors' own figures; those of other libraries differ slightly.
    values = [
        entry.metrics["reported"][measure]
        for entry in weights.entries()
        if (entry.model, entry.tag) == (model, tag)
        and entry.metrics
        and entry.metrics["reported"]["url"].startswith(AUTHORS)
    ]
    return f"{values[0]:.1f}" if values else ""


def _tags(model):
    return ", ".join(f'`"{tag}"`' for tag in weights.tags(model))


def _table(head, rows):
    lines = "".join(
        f"| {' | '.join(map(str, row))} |\n" for row in [head, *rows]
    )
    first, _, others = lines.partition("\n")
    return f"{first}\n|{'---|' * len(head)}\n{others}"
