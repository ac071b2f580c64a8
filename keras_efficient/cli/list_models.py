"""`keras-efficient list`."""

import json
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient import variants
from keras_efficient.cli.options import BackendOption

_TABLES = (
    variants.CLASSIFICATION_VARIANTS,
    variants.SCALABLE_NETWORKS,
    variants.DETECTION_VARIANTS,
)
_AUTHORS = (
    "https://github.com/tensorflow/tpu/",
    "https://github.com/google/automl/",
)
_MEASURES = {"top1": "top-1", "ap": "AP"}


def list_models(
    pattern: Annotated[
        str, typer.Argument(help="Part of the names to list, such as D2.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of a table.")
    ] = False,
    backend: BackendOption = None,
) -> None:
    """List the models with size, cost, reported accuracy and weights.

    keras-efficient list EfficientDet
    """
    rows = [
        describe(row)
        for table in _TABLES
        for row in table.values()
        if pattern.lower() in row.name.lower()
    ]
    if not rows:
        raise ValueError(
            f"No name of a model contains {pattern!r}. `keras-efficient list` "
            "lists all models."
        )
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)


def describe(row: Any) -> dict[str, Any]:
    """Return the description of a model.

    Args:
        row: Row of one of the tables of `variants`.

    Returns:
        A dict of values that can be written as JSON.
    """
    weights = keras_efficient.weights
    return {
        "model": row.name,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "input": row.resolution,
        "weights": [
            _describe_set(row.name, tag) for tag in weights.tags(row.name)
        ],
    }


def _describe_set(model, tag):
    weights = keras_efficient.weights
    files = weights.find(model, tag)
    known = [x.metrics["reported"] for x in files if x.metrics]
    # Reports by the authors before measurements by others.
    known.sort(key=lambda row: not row["url"].startswith(_AUTHORS))
    reported = known[0] if known else {}
    measure = next((key for key in _MEASURES if key in reported), None)
    folder = weights.cache_dir()
    return {
        "name": tag,
        "measure": None if measure is None else _MEASURES[measure],
        "reported": None if measure is None else reported[measure],
        "dataset": reported.get("dataset"),
        "source": reported.get("url"),
        "in_cache": any((folder / x.file_name).exists() for x in files),
    }


def _print_table(rows):
    import rich.box
    import rich.console
    import rich.table

    table = rich.table.Table(box=rich.box.SIMPLE, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in ("parameters", "multiply-adds", "input"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("weights (reported accuracy, * = in the cache)")
    for row in rows:
        table.add_row(
            row["model"],
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['multiply_adds'] / 1e9:.2f} G",
            str(row["input"]),
            ", ".join(map(_set, row["weights"])),
        )
    console = rich.console.Console()
    console.print(table)
    console.print(
        "Top-1 on ImageNet and AP on COCO in percent, as reported by the "
        f"authors.\nCache: {keras_efficient.weights.cache_dir()}",
        highlight=False,
        soft_wrap=True,
    )


def _set(weights_set):
    accuracy = ""
    if weights_set["reported"] is not None:
        accuracy = f" {weights_set['reported']}"
    return f"{weights_set['name']}{accuracy}{'*' * weights_set['in_cache']}"
