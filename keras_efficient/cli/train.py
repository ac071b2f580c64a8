"""`keras-efficient train`."""

import pathlib
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import BoxFrameOption
from keras_efficient.cli.options import CrowdsOption
from keras_efficient.cli.options import ImagesOption
from keras_efficient.cli.options import LayoutOption
from keras_efficient.cli.options import StatedSizeOption
from keras_efficient.cli.options import StrictOption
from keras_efficient.cli.options import TaskOption
from keras_efficient.cli.train_config import CONFIG_FILE
from keras_efficient.cli.train_config import CompleteConfig
from keras_efficient.cli.train_config import complete
from keras_efficient.cli.train_config import read_config
from keras_efficient.cli.train_directory import interruption_message
from keras_efficient.cli.train_directory import prepare
from keras_efficient.cli.train_model import build_model

if TYPE_CHECKING:
    from keras_efficient.training import FinetuneResult
    from keras_efficient.training import RunDirectory


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="Images in one folder for each class, images with boxes "
            "(COCO, Pascal VOC, YOLO and others), an .npz file, cifar10 or "
            "cifar100."
        ),
    ] = None,
    config: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="YAML file with these options. Options on the command line "
            "take precedence."
        ),
    ] = None,
    task: TaskOption = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split to train on (default: train)."),
    ] = None,
    val_split: Annotated[
        str | None,
        typer.Option(
            help="Split for validation (default: val, valid, validation or "
            "test)."
        ),
    ] = None,
    layout: LayoutOption = None,
    images: ImagesOption = None,
    crowds: CrowdsOption = None,
    box_frame: BoxFrameOption = None,
    stated_size: StatedSizeOption = None,
    strict: StrictOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name of the model (default EfficientNetB0, for detection "
            "EfficientDetD0)."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Published weights, a checkpoint file, or none (default "
            "imagenet, for detection coco)."
        ),
    ] = None,
    backbone_weights: Annotated[
        str | None,
        typer.Option(
            help="Weights of the backbone of a detector without other weights."
        ),
    ] = None,
    partial: Annotated[
        bool | None,
        typer.Option(
            "--partial",
            help="Load checkpoint files that do not fill all layers.",
        ),
    ] = None,
    directory: Annotated[
        pathlib.Path | None,
        typer.Option(help="Run directory (default runs/<name of the data>)."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            help="Image size in pixels: 320, or height x width as 240x320 "
            "(default: the size of the model)."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Batch size (default 16, for detection 8)."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs that train all layers (default 10, for detection 50)."
        ),
    ] = None,
    head_epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs that train only the head first, for pretrained "
            "classifiers (default 5)."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Highest learning rate (default 0.001)."),
    ] = None,
    train_batch_norm: Annotated[
        str | None,
        typer.Option(
            help="Batch normalization to train: auto, all, none, or for "
            "detection head (default auto)."
        ),
    ] = None,
    anchor_scale: Annotated[
        float | None,
        typer.Option(
            help="Size of the anchors of a detector (default 4). Smaller "
            "objects need smaller anchors."
        ),
    ] = None,
    min_scale: Annotated[
        float | None,
        typer.Option(
            help="Smallest factor of scale jitter for detection (default 0.8)."
        ),
    ] = None,
    max_scale: Annotated[
        float | None,
        typer.Option(
            help="Largest factor of scale jitter for detection (default 1.25)."
        ),
    ] = None,
    vertical_flip: Annotated[
        bool | None,
        typer.Option(
            "--vertical-flip",
            help="Flip images vertically at random, for detection.",
        ),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Epochs between two evaluations of a detector (default 5)."
        ),
    ] = None,
    val_share: Annotated[
        float | None,
        typer.Option(
            help="Fraction of the data used for validation if it has no "
            "validation split (default 0.2)."
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            help="Channels of the images: 1 for gray, 3 for RGB, 4 for RGBA "
            "(default 3)."
        ),
    ] = None,
    binary: Annotated[
        bool | None,
        typer.Option(
            "--binary",
            help="One sigmoid output for the second of two classes, for "
            "classifiers.",
        ),
    ] = None,
    mixed_precision: Annotated[
        bool | None,
        typer.Option("--mixed-precision", help="Compute in bfloat16."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Random seed (default 0).")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Delete an existing run in the directory."
        ),
    ] = False,
    backend: BackendOption = None,
) -> None:
    """Fine-tune a classifier or a detector. Repeat the command to resume.

    keras-efficient train cells --image-size 320 --epochs 40
    """
    options = read_config(
        config,
        {
            "data": data,
            "task": task,
            "split": split,
            "val_split": val_split,
            "layout": layout,
            "images": images,
            "crowds": crowds,
            "box_frame": box_frame,
            "stated_size": stated_size,
            "strict": strict,
            "model": model,
            "weights": weights,
            "backbone_weights": backbone_weights,
            "partial": partial,
            "directory": None if directory is None else str(directory),
            "image_size": image_size,
            "batch_size": batch_size,
            "epochs": epochs,
            "head_epochs": head_epochs,
            "learning_rate": learning_rate,
            "train_batch_norm": train_batch_norm,
            "anchor_scale": anchor_scale,
            "min_scale": min_scale,
            "max_scale": max_scale,
            "vertical_flip": vertical_flip,
            "evaluate_every": evaluate_every,
            "val_share": val_share,
            "channels": channels,
            "binary": binary,
            "mixed_precision": mixed_precision,
            "seed": seed,
        },
    )
    found_task = keras_efficient.data.find_task(options.data, options.task)
    settings = complete(options, found_task)
    run = keras_efficient.training.RunDirectory(settings.directory, found_task)
    if prepare(run, settings, overwrite):
        _train(run, settings)


def _train(run: "RunDirectory", settings: CompleteConfig) -> None:
    import keras

    keras.utils.set_random_seed(settings.seed)
    if settings.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    train_set, validation = keras_efficient.data.load_splits(
        settings.data,
        settings.task,
        split=settings.split,
        validation_split=settings.val_split,
        validation_share=settings.val_share,
        seed=settings.seed,
        layout=settings.layout,
        images=settings.images,
        crowds=settings.crowds,
        box_frame=settings.box_frame,
        stated_size=settings.stated_size,
        strict=settings.strict,
    )
    print(f"{settings.task}, {settings.model}, in {run.path}")
    print(f"Training set: {train_set.report}")
    print(f"Validation set: {validation.report}", flush=True)
    model, missing = build_model(
        settings,
        train_set.class_names,
        multi_label=getattr(train_set, "multi_label", False),
    )
    write_text(run.path / CONFIG_FILE, settings.to_yaml())
    try:
        if settings.task == "detection":
            result = _finetune_detection(
                run, settings, model, train_set, validation
            )
        else:
            result = _finetune_classification(
                run, settings, model, missing, train_set, validation
            )
    except KeyboardInterrupt:
        print(interruption_message(run), flush=True)
        raise typer.Exit(INTERRUPTED) from None
    print(result.evaluation)
    print(f"Model, curves and images are in {run.path}")


def _finetune_detection(
    run: "RunDirectory",
    settings: CompleteConfig,
    model: Any,
    train_set: Any,
    validation: Any,
) -> "FinetuneResult":
    from keras_efficient.cli.train_progress import TrainingProgress

    augmentation = keras_efficient.data.DetectionAugmentation(
        model.image_size,
        scale=(settings.min_scale, settings.max_scale),
        vertical_flip_rate=0.5 if settings.vertical_flip else 0.0,
    )
    batches = train_set.batches(
        model.image_size,
        settings.batch_size,
        channels=settings.channels,
        training=True,
        seed=settings.seed,
        augmentation=augmentation,
        drop_remainder=len(train_set) >= settings.batch_size,
    )
    with TrainingProgress(len(batches)) as progress:
        return keras_efficient.training.finetune_detection(
            model,
            batches,
            validation,
            directory=run.path,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            train_batch_norm=settings.train_batch_norm,
            evaluate_every=settings.evaluate_every,
            report=True,
            save_on_interrupt=True,
            progress=progress.evaluating,
            callbacks=[progress],
            verbose=0,
        )


def _finetune_classification(
    run: "RunDirectory",
    settings: CompleteConfig,
    model: Any,
    missing: list[str],
    train_set: Any,
    validation: Any,
) -> "FinetuneResult":
    from keras_efficient.cli.train_progress import TrainingProgress
    from keras_efficient.inference.model_images import images_of

    training = keras_efficient.training
    images = images_of(model)
    batches = train_set.batches(
        images.size,
        settings.batch_size,
        channels=images.channels,
        training=True,
        seed=settings.seed,
    )
    with TrainingProgress(len(batches)) as progress:
        return training.finetune_classification(
            model,
            batches,
            validation,
            directory=run.path,
            head_epochs=settings.head_epochs,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            head_layers=training.unfilled_layers(model, missing),
            train_batch_norm=settings.train_batch_norm,
            report=True,
            save_on_interrupt=True,
            progress=progress.evaluating,
            callbacks=[progress],
            verbose=0,
        )
