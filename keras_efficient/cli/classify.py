"""`keras-efficient classify`."""

import json
import pathlib
import sys
from typing import Annotated

import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import is_detector
from keras_efficient.cli.loading import knows_imagenet
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import Dtype
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import ModelOption
from keras_efficient.cli.options import ThresholdOption
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.progress import track
from keras_efficient.cli.results import csv_text
from keras_efficient.cli.sources import expand


def classify(
    sources: Annotated[
        list[str],
        typer.Argument(help="Images, folders or patterns such as *.jpg."),
    ],
    model: ModelOption = "EfficientNetB0",
    weights: WeightsOption = None,
    top: Annotated[int, typer.Option(help="Number of classes to print.")] = 5,
    json_file: Annotated[
        pathlib.Path | None,
        typer.Option("--json", help="Also write this JSON file."),
    ] = None,
    csv_file: Annotated[
        pathlib.Path | None,
        typer.Option("--csv", help="Also write this CSV file."),
    ] = None,
    class_names: ClassNamesOption = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Side of the images in pixels, for models of any size."
        ),
    ] = None,
    threshold: ThresholdOption = None,
    batch_size: Annotated[int, typer.Option(help="Batch size.")] = 8,
    dtype: DtypeOption = Dtype.FLOAT32,
    backend: BackendOption = None,
) -> None:
    """Classify images.

    keras-efficient classify photos/*.jpg --model EfficientNetB3 --top 3
    """
    images = [source for source in expand(sources) if source.kind == "image"]
    if not images:
        raise ValueError(
            "`sources` contain videos only. `classify` accepts images."
        )
    network = load_model(model, weights)
    if is_detector(network):
        raise ValueError(
            f"{model} is a detector. Use `keras-efficient detect`."
        )
    names = class_names_of(network, model, class_names)
    if names is None and knows_imagenet(network, model, weights):
        names = _imagenet_names()
    preprocessing = None
    if image_size is not None:
        preprocessing = keras_efficient.data.ClassificationPreprocessing(
            (image_size, image_size)
        )
    errors: dict[str, Exception] = {}
    found = keras_efficient.inference.classify_each(
        network,
        [str(source.path) for source in images],
        top=top,
        class_names=names,
        threshold=threshold,
        batch_size=min(batch_size, len(images)),
        preprocessing=preprocessing,
        dtype=dtype.argument,
        on_error=errors.__setitem__,
    )
    is_exclusive = keras_efficient.inference.outputs_of(network).exclusive
    rows, status = [], 0
    try:
        for one in track(found, len(images), "Classifying"):
            rows.append({"file": one.image, **one.to_dict()})
            print(f"{one.image}: {_line(one, is_exclusive)}")
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("Interrupted. The results so far are written.", file=sys.stderr)
    for path, error in errors.items():
        print(f"Skipped: {path}: {error}", file=sys.stderr)
    if json_file is not None:
        _write(json_file, json.dumps(rows, indent=1))
    if csv_file is not None:
        _write(csv_file, _csv(rows))
    if status or errors:
        raise typer.Exit(status or FAILURE)


def _line(one, is_exclusive):
    """Return the classes; those that are not predicted in parentheses."""
    shares = [
        f"{name} {share:.1%}"
        for name, share in zip(one.names, one.probabilities, strict=True)
    ]
    if is_exclusive:
        return ", ".join(shares)
    # The predicted classes are the first.
    count = int(one.predicted.sum())
    others = f" (not {', '.join(shares[count:])})" if shares[count:] else ""
    return (", ".join(shares[:count]) or "none") + others


def _imagenet_names():
    """Return the class names of ImageNet, or `None` if they are unavailable."""
    import numpy as np

    print("Class names of ImageNet: 35 KB, downloaded once by Keras.")
    try:
        # Decreasing scores, so that the classes come in the order of labels.
        scores = -np.arange(1000.0)[None]
        (rows,) = keras_efficient.decode_predictions(scores, top=1000)
    except Exception as error:  # Keras raises plain ones.
        print(
            f"The class names are unavailable ({error}); printing labels. "
            "Pass --class-names for names from a file.",
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
        (row["file"], rank, label, name, f"{share:.4f}", int(predicted))
        for row in rows
        for rank, (label, name, share, predicted) in enumerate(
            zip(
                row["labels"],
                row["names"],
                row["probabilities"],
                row["predicted"],
                strict=True,
            ),
            1,
        )
    ]
    columns = ("file", "rank", "label", "name", "probability", "predicted")
    return csv_text(columns, lines)
