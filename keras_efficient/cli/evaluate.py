"""`keras-efficient evaluate`."""

import json
import pathlib
import time
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.folders import new_results
from keras_efficient.cli.loading import class_names_of
from keras_efficient.cli.loading import is_detector
from keras_efficient.cli.loading import load_data_set
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import BoxFrameOption
from keras_efficient.cli.options import ClassNamesOption
from keras_efficient.cli.options import CrowdsOption
from keras_efficient.cli.options import Dtype
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.options import ImagesOption
from keras_efficient.cli.options import LayoutOption
from keras_efficient.cli.options import ModelArgument
from keras_efficient.cli.options import Nms
from keras_efficient.cli.options import OverwriteFolderOption
from keras_efficient.cli.options import StatedSizeOption
from keras_efficient.cli.options import StrictOption
from keras_efficient.cli.options import ThresholdOption
from keras_efficient.cli.options import WeightsOption
from keras_efficient.cli.options import passed_options
from keras_efficient.cli.progress import track


def evaluate(
    model: ModelArgument,
    data: Annotated[
        str, typer.Argument(help="Data set, as for `keras-efficient train`.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Split of the data set, such as val.")
    ] = None,
    layout: LayoutOption = None,
    images: ImagesOption = None,
    crowds: CrowdsOption = None,
    box_frame: BoxFrameOption = None,
    stated_size: StatedSizeOption = None,
    strict: StrictOption = None,
    weights: WeightsOption = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder for metrics and figures."),
    ] = None,
    class_names: ClassNamesOption = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Side of the images in pixels, for classifiers of any size."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Batch size.")] = 8,
    threshold: ThresholdOption = None,
    nms: Annotated[
        Nms | None,
        typer.Option(
            help="Method of non-maximum suppression for detectors (default "
            "soft)."
        ),
    ] = None,
    dtype: DtypeOption = Dtype.FLOAT32,
    overwrite: OverwriteFolderOption = False,
    backend: BackendOption = None,
) -> None:
    """Evaluate a detector by the COCO metrics or a classifier by its accuracy.

    keras-efficient evaluate runs/cells cells --split test
    """
    if output is not None:
        new_results(output, "", overwrite)
    network = load_model(model, weights)
    names = class_names_of(network, model, class_names)
    is_detection = is_detector(network)
    if nms is not None and not is_detection:
        raise ValueError("`nms` is an option for detectors only.")
    if threshold is not None and is_detection:
        raise ValueError("`threshold` is an option for classifiers only.")
    reading = passed_options(
        layout=layout,
        images=images,
        crowds=crowds,
        box_frame=box_frame,
        stated_size=stated_size,
    )
    start = time.perf_counter()
    if is_detection:
        network.class_names = names
    dataset = load_data_set(network, names, data, split, bool(strict), reading)
    result: Any
    if is_detection:
        result = keras_efficient.evaluation.evaluate_detection(
            network,
            dataset,
            batch_size=batch_size,
            dtype=dtype.argument,
            nms=Nms.SOFT.value if nms is None else nms.value,
            progress=_progress,
        )
    else:
        result = keras_efficient.evaluation.evaluate_classification(
            network,
            dataset,
            batch_size=batch_size,
            dtype=dtype.argument,
            progress=_progress,
            image_size=image_size,
            threshold=threshold,
        )
    import keras

    seconds = time.perf_counter() - start
    print(result)
    print(
        f"{len(dataset)} images in {seconds:.1f} s, on "
        f"{keras.backend.backend()}."
    )
    if output is not None:
        _write(output, result, is_detection)


def _progress(items, total):
    return track(items, total, "Evaluating")


def _write(folder, result, is_detection):
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", json.dumps(result.to_dict(), indent=1))
    if is_detection:
        result.plot_precision_recall(folder / "precision_recall.png")
    # Classes that do not exclude each other have no such matrix.
    if hasattr(result, "plot_confusion_matrix"):
        result.plot_confusion_matrix(folder / "confusion_matrix.png")
    print(f"Written to {folder}: metrics and figures")
