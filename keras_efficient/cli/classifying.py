"""`keras-efficient classify`."""

import json
import pathlib
import sys
from typing import Annotated

import numpy as np
import typer

from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import knows_imagenet
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import Computing
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.progress import track
from keras_efficient.cli.results import csv_text
from keras_efficient.cli.sources import expand
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference import classify_each
from keras_efficient.models import decode_predictions
from keras_efficient.models.detector import Detector


def classify(
    sources: Annotated[
        list[str], typer.Argument(help="Images, folders or patterns.")
    ],
    model: Annotated[
        str,
        typer.Option(help="A .keras file, a folder of `train`, or a name."),
    ] = "EfficientNetB0",
    weights: WeightsOption = None,
    top: Annotated[int, typer.Option(help="How many classes to name.")] = 5,
    json_file: Annotated[
        pathlib.Path | None,
        typer.Option("--json", help="Write a json file, too."),
    ] = None,
    csv_file: Annotated[
        pathlib.Path | None, typer.Option("--csv", help="Write CSV, too.")
    ] = None,
    class_names: ClassNamesOption = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="For models that take any: side, in pixels."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images at once.")] = 8,
    dtype: DtypeOption = Computing.FLOAT32,
    backend: BackendOption = None,
):
    """Names what images show.

    keras-efficient classify photos/*.jpg --model EfficientNetB3 --top 3
    """
    images = [source for source in expand(sources) if source.kind == "image"]
    if not images:
        raise ValueError("There are only videos; classify takes images.")
    network = load_model(model, weights)
    if isinstance(network, Detector):
        raise ValueError(
            f"{model} is a detector; `keras-efficient detect` is for it."
        )
    names = class_names_of(network, model, class_names)
    if names is None and knows_imagenet(network, model, weights):
        names = _imagenet_names()
    preprocessing = None
    if image_size is not None:
        preprocessing = ClassificationPreprocessing((image_size, image_size))
    errors = {}
    found = classify_each(
        network,
        [str(source.path) for source in images],
        top=top,
        class_names=names,
        batch_size=min(batch_size, len(images)),
        preprocessing=preprocessing,
        dtype=dtype.dtype,
        on_error=errors.__setitem__,
    )
    rows, status = [], 0
    try:
        for one in track(found, len(images), "Classifying"):
            rows.append({"file": one.image, **one.to_dict()})
            shares = zip(one.names, one.probabilities, strict=True)
            listed = ", ".join(f"{name} {share:.1%}" for name, share in shares)
            print(f"{one.image}: {listed}")
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("Broken off; what is known so far is written.", file=sys.stderr)
    for path, error in errors.items():
        print(f"Left out: {path}: {error}", file=sys.stderr)
    if json_file is not None:
        _write(json_file, json.dumps(rows, indent=1))
    if csv_file is not None:
        _write(csv_file, _csv(rows))
    if status or errors:
        raise typer.Exit(status or FAILURE)


def _imagenet_names():
    """ImageNet's class names, or `None` where they cannot be had."""
    print("Names of ImageNet's classes: 35 KB, downloaded once by Keras.")
    try:
        # Classes in the order of labels, the first with the highest share.
        shares = -np.arange(1000.0)[None]
        (rows,) = decode_predictions(shares, top=1000)
    except Exception as error:  # Keras raises plain ones.
        print(
            f"They cannot be had ({error}); classes are numbers.",
            file=sys.stderr,
        )
        return None
    return [name for _, name, _ in rows]


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    print(f"Written: {path}")


def _csv(rows):
    lines = [
        (row["file"], rank, label, name, f"{share:.4f}")
        for row in rows
        for rank, (label, name, share) in enumerate(
            zip(row["labels"], row["names"], row["probabilities"], strict=True),
            1,
        )
    ]
    return csv_text(("file", "rank", "label", "name", "probability"), lines)
