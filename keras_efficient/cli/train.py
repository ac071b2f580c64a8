"""`keras-efficient train`."""

import pathlib
import shlex
import shutil
import sys
import time
from typing import Annotated

import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.loading import MODEL_FILE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.train_config import CONFIG_FILE
from keras_efficient.cli.train_config import complete
from keras_efficient.cli.train_config import differences
from keras_efficient.cli.train_config import read_config


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="Pictures in folders of classes, or with boxes (COCO, Pascal "
            "VOC, YOLO); an .npz file; cifar10 or cifar100."
        ),
    ] = None,
    config: Annotated[
        pathlib.Path | None,
        typer.Option(help="YAML with these options; those typed win."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification or detection; the data decides."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="EfficientNetB0, or EfficientDetD0.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Published ones, a checkpoint, or none. Default: imagenet, "
            "of detectors coco."
        ),
    ] = None,
    backbone_weights: Annotated[
        str | None, typer.Option(help="Of a detector that has no others.")
    ] = None,
    partial: Annotated[
        bool | None,
        typer.Option("--partial", help="Checkpoints may lack layers."),
    ] = None,
    directory: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder of the run: runs/<name of the data>."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(help="Pixels: 320, or height x width such as 240x320."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="16, of detectors 8.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="10, of detectors 50.")
    ] = None,
    head_epochs: Annotated[
        int | None,
        typer.Option(help="Before, of a pretrained classifier's head: 5."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The highest: 0.001.")
    ] = None,
    train_batch_norm: Annotated[
        str | None, typer.Option(help="Of a detector: all, head or none.")
    ] = None,
    anchor_scale: Annotated[
        float | None, typer.Option(help="Of a detector: 4, small objects less.")
    ] = None,
    min_scale: Annotated[
        float | None,
        typer.Option(help="Least zoom of a detector's images: 0.8."),
    ] = None,
    max_scale: Annotated[
        float | None, typer.Option(help="Largest zoom: 1.25.")
    ] = None,
    vertical_flip: Annotated[
        bool | None,
        typer.Option("--vertical-flip", help="Images may be upside down."),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(help="Epochs until a detector is measured again: 5."),
    ] = None,
    val_share: Annotated[
        float | None,
        typer.Option(help="Held out where there is no such split: 0.2."),
    ] = None,
    mixed_precision: Annotated[
        bool | None,
        typer.Option("--mixed-precision", help="Compute in bfloat16."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all chance: 0.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Throw a run in the folder away."),
    ] = False,
    backend: BackendOption = None,
):
    """Trains a classifier or a detector; the same command goes on.

    keras-efficient train cells --image-size 320 --epochs 40
    """
    start = time.perf_counter()
    flags = dict(locals())
    for name in ("config", "overwrite", "backend", "start"):
        del flags[name]
    if directory is not None:
        flags["directory"] = str(directory)
    settings = read_config(config, flags)
    task = keras_efficient.data.find_task(settings.data, settings.task)
    settings = complete(settings, task)
    folder = pathlib.Path(settings.directory)
    if not _prepare(folder, settings, overwrite):
        return
    import keras

    keras.utils.set_random_seed(settings.seed)
    if settings.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    _train(settings, folder, start)


def _train(settings, folder, start):
    from keras_efficient.cli import train_run

    train_set, held_out = keras_efficient.data.load_splits(
        settings.data,
        settings.task,
        validation_share=settings.val_share,
        seed=settings.seed,
    )
    print(f"{settings.task}, {settings.model}, in {folder}")
    print(f"To train on: {train_set.report}")
    print(f"Held out: {held_out.report}")
    network, unfilled = train_run.build_model(settings, train_set.class_names)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CONFIG_FILE, settings.to_yaml())
    run = train_run.TrainRun(settings, network, unfilled, train_set, held_out)
    run.write_class_names()
    try:
        run.fit()
    except KeyboardInterrupt:
        print(_broken_off(run, folder), flush=True)
        raise typer.Exit(INTERRUPTED) from None
    run.save_model()
    result = run.measure()
    run.write_results(result, start, shlex.join(sys.argv))
    print(result)
    print(
        f"{time.perf_counter() - start:.0f} s. Model, curves and pictures are "
        f"in {folder}"
    )


def _broken_off(run, folder):
    """What is left of a training after Ctrl-C."""
    from keras_efficient.cli.train_run import LAST

    go_on = f"To go on: keras-efficient train --config {folder / CONFIG_FILE}"
    if not run.interrupt.is_saved:
        return f"Broken off at once; {folder} has whole epochs only.\n{go_on}"
    run.save_model()
    kept = "the best so far" if run.best.path.exists() else "them"
    return (
        f"Broken off. {folder} has the weights as they are ({LAST}), and a "
        f"model with {kept} ({MODEL_FILE}).\n{go_on}"
    )


def _prepare(folder, settings, overwrite):
    """Whether there is something to do in the folder of a run."""
    if overwrite and (folder / CONFIG_FILE).exists():
        _throw_away(folder)
        return True
    if not folder.exists() or not any(folder.iterdir()):
        return True
    if not (folder / CONFIG_FILE).exists():
        raise FileExistsError(
            f"{folder} is not empty, and no run. Take another --directory."
        )
    changed = differences(settings, read_config(folder / CONFIG_FILE, {}))
    if changed:
        raise ValueError(
            f"{folder} holds a run with other settings: {'; '.join(changed)}. "
            "Take another --directory, or --overwrite it."
        )
    from keras_efficient.cli.train_run import RESULTS_FILE

    if (folder / RESULTS_FILE).exists():
        print(
            f"The run in {folder} is finished; --overwrite throws it away. "
            f"keras-efficient evaluate {folder} {settings.data} measures it."
        )
        return False
    print(f"Going on with the run in {folder}.")
    return True


def _throw_away(folder):
    """Removes what a run has written, and nothing else."""
    from keras_efficient.cli.train_run import RUN_FILES

    for pattern in RUN_FILES:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
