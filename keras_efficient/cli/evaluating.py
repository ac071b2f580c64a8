"""`keras-efficient evaluate`."""

import json
import pathlib
import time
from typing import Annotated

import keras
import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.folders import new_results
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import Computing
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import Nms
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.progress import track
from keras_efficient.models.detector import Detector


def evaluate(
    model: Annotated[
        str,
        typer.Argument(help="A .keras file, a folder of `train`, or a name."),
    ],
    data: Annotated[
        str, typer.Argument(help="A data set, as for `keras-efficient train`.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Which part of it, such as val.")
    ] = None,
    weights: WeightsOption = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(help="A folder for numbers and curves."),
    ] = None,
    class_names: ClassNamesOption = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="For classifiers that take any: side, in pixels."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images at once.")] = 8,
    nms: Annotated[
        Nms | None, typer.Option(help="Of detectors; soft by default.")
    ] = None,
    dtype: DtypeOption = Computing.FLOAT32,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Use a folder with files in it.")
    ] = False,
    backend: BackendOption = None,
):
    """Measures a model: COCO's numbers of a detector, accuracy of a classifier.

    keras-efficient evaluate runs/cells cells --split test
    """
    if output is not None:
        new_results(output, "", overwrite)
    network = load_model(model, weights)
    names = class_names_of(network, model, class_names)
    is_detector = isinstance(network, Detector)
    if nms is not None and not is_detector:
        raise ValueError("`nms` is for detectors, and the model is none.")
    start = time.perf_counter()
    if is_detector:
        network.class_names = names
        # The model's classes are found among its own by their names.
        dataset = keras_efficient.data.load_detection(data, split)
        print(dataset.report)
        result = keras_efficient.evaluation.evaluate_detector(
            network,
            dataset,
            batch_size=batch_size,
            dtype=dtype.dtype,
            nms=Nms.SOFT.value if nms is None else nms.value,
            progress=_progress,
        )
    else:
        dataset = keras_efficient.data.load_classification(
            data, split, class_names=names
        )
        print(dataset.report)
        result = keras_efficient.evaluation.evaluate_classifier(
            network,
            dataset,
            batch_size=batch_size,
            dtype=dtype.dtype,
            progress=_progress,
            image_size=image_size,
        )
    seconds = time.perf_counter() - start
    print(result)
    print(
        f"{len(dataset)} images in {seconds:.1f} s, on "
        f"{keras.backend.backend()}."
    )
    if output is not None:
        _write(output, result, is_detector)


def _progress(items, total):
    return track(items, total, "Evaluating")


def _write(folder, result, is_detector):
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", json.dumps(result.to_dict(), indent=1))
    if is_detector:
        result.plot_precision_recall(folder / "precision_recall.png")
    result.plot_confusion_matrix(folder / "confusion_matrix.png")
    print(f"Numbers and curves are in {folder}")
