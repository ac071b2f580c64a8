"""`keras-efficient check`."""

import itertools
import pathlib
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.cli.folders import new_results
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import BoxFrameOption
from keras_efficient.cli.options import CrowdsOption
from keras_efficient.cli.options import ImagesOption
from keras_efficient.cli.options import LayoutOption
from keras_efficient.cli.options import OverwriteFolderOption
from keras_efficient.cli.options import StatedSizeOption
from keras_efficient.cli.options import StrictOption
from keras_efficient.cli.options import TaskOption
from keras_efficient.cli.options import passed_options

# Splits of Pascal VOC of which one contains the other.
UNIONS = ({"train", "trainval"}, {"val", "trainval"})
# Places listed for each finding about duplicates.
MAX_LISTED = 10


def check(
    data: Annotated[
        str, typer.Argument(help="Data set, as for `keras-efficient train`.")
    ],
    task: TaskOption = None,
    split: Annotated[
        str | None, typer.Option(help="Split to check (default: all).")
    ] = None,
    layout: LayoutOption = None,
    images: ImagesOption = None,
    crowds: CrowdsOption = None,
    box_frame: BoxFrameOption = None,
    stated_size: StatedSizeOption = None,
    strict: StrictOption = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Folder for pictures of images with their annotations, and "
            "histograms."
        ),
    ] = None,
    overwrite: OverwriteFolderOption = False,
    duplicates: Annotated[
        bool,
        typer.Option(help="Search for images that several splits contain."),
    ] = True,
    backend: BackendOption = None,
) -> None:
    """Check a data set. The exit status is 1 if something is wrong.

    Repaired and dropped annotations and images, and images in several splits,
    are wrong; with --strict, notes are wrong too.

    keras-efficient check cells --output cells_check
    """
    if output is not None:
        new_results(output, "", overwrite)
    found_task = keras_efficient.data.find_task(data, task)
    reading = passed_options(
        layout=layout,
        images=images,
        crowds=crowds,
        box_frame=box_frame,
        stated_size=stated_size,
    )
    datasets = keras_efficient.data.load_all_splits(
        data, found_task, split=split, strict=bool(strict), **reading
    )
    problems = notes = 0
    for name, dataset in datasets.items():
        print(f"{name}: {dataset.report}" if name else dataset.report)
        problems += dataset.report.num_problems
        notes += dataset.report.num_notes
        if output is not None:
            _draw(output, name, dataset)
    if duplicates:
        problems += _print_duplicates(datasets)
    if output is not None:
        print(f"Written to {output}: pictures and histograms")
    remarks = f" {notes} notes, listed above." if notes else ""
    if problems or (strict and notes):
        print(f"{problems or 'No'} problems found.{remarks}")
        raise typer.Exit(FAILURE)
    print(f"No problems found.{remarks}")


def _draw(folder: pathlib.Path, name: str | None, dataset: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ending = f"_{name}".replace("/", "_") if name else ""
    plots = keras_efficient.visualization
    plots.plot_dataset(dataset, folder / f"images{ending}.jpg")
    plots.plot_statistics(dataset, folder / f"statistics{ending}.png")


def _print_duplicates(datasets: dict[str | None, Any]) -> int:
    """Print the images that several splits contain; return their number."""
    count = 0
    for (name, first), (other, second) in itertools.combinations(
        datasets.items(), 2
    ):
        if {name, other} in UNIONS:
            continue
        pairs = keras_efficient.data.find_duplicates(first, second)
        if not pairs:
            continue
        count += len(pairs)
        print(f"duplicates: {len(pairs)} images of {name} are in {other}:")
        for pair in pairs[:MAX_LISTED]:
            places = first.records[pair.first], second.records[pair.second]
            print("  " + ", ".join(str(record.image) for record in places))
        if len(pairs) > MAX_LISTED:
            print(f"  and {len(pairs) - MAX_LISTED} more")
    return count
