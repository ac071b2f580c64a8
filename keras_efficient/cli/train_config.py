"""Settings of `train`, from options, a YAML file and defaults."""

import dataclasses
import difflib
import pathlib
from typing import Any

import yaml

from keras_efficient.cli.loading import CLASSIFIERS
from keras_efficient.cli.loading import DETECTORS
from keras_efficient.cli.loading import builder_name
from keras_efficient.types import Task

CONFIG_FILE = "config.yaml"
TASKS: tuple[Task, Task] = ("classification", "detection")
# Which batch normalization is trained.
BATCH_NORM = ("auto", "all", "head", "none")
# Settings of only one task.
TASK_SETTINGS = {
    "classification": ("head_epochs", "binary"),
    "detection": (
        "layout",
        "images",
        "crowds",
        "box_frame",
        "stated_size",
        "backbone_weights",
        "anchor_scale",
        "min_scale",
        "max_scale",
        "vertical_flip",
        "evaluate_every",
    ),
}
# Settings that may differ when a run is resumed.
IGNORED = ("directory",)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run. `None` means that the task decides.

    Attributes:
        data: Folder, file, `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`.
        split: Split to train on.
        val_split: Split for validation.
        layout: Layout of images with boxes.
        images: Folder of the images of annotation files.
        crowds: How boxes around crowds are used.
        box_frame: Frame of the boxes of images with EXIF rotation.
        stated_size: How boxes of images of another size than stated are used.
        strict: Whether annotations that would be repaired or dropped are an
            error.
        model: Name of a builder.
        weights: Published weights, a checkpoint file, or `"none"`.
        backbone_weights: The same for the backbone of a detector.
        partial: Whether checkpoint files may lack layers.
        directory: Run directory.
        image_size: Height and width in pixels.
        batch_size: Number of images in a batch.
        epochs: Epochs that train all layers.
        head_epochs: Epochs that train only the head first.
        learning_rate: Highest learning rate.
        train_batch_norm: Which batch normalization is trained.
        anchor_scale: Scale of the anchors of a detector.
        min_scale: Smallest factor of scale jitter.
        max_scale: Largest factor of scale jitter.
        vertical_flip: Whether to flip images vertically at random.
        evaluate_every: Epochs between two evaluations of a detector.
        val_share: Fraction of the data for validation without a split.
        channels: Channels of the images.
        binary: Whether a classifier has one output for two classes.
        mixed_precision: Whether to compute in bfloat16.
        seed: Random seed.
    """

    data: str
    task: Task | None = None
    split: str | None = None
    val_split: str | None = None
    layout: str | None = None
    images: str | None = None
    crowds: str = "ignore"
    box_frame: str = "auto"
    stated_size: str = "auto"
    strict: bool = False
    model: str | None = None
    weights: str | None = None
    backbone_weights: str | None = None
    partial: bool = False
    directory: str | None = None
    image_size: tuple[int, int] | None = None
    batch_size: int | None = None
    epochs: int | None = None
    head_epochs: int = 5
    learning_rate: float = 1e-3
    train_batch_norm: str = "auto"
    anchor_scale: float | None = None
    min_scale: float = 0.8
    max_scale: float = 1.25
    vertical_flip: bool = False
    evaluate_every: int = 5
    val_share: float = 0.2
    channels: int = 3
    binary: bool = False
    mixed_precision: bool = False
    seed: int = 0

    def to_yaml(self) -> str:
        """Return the YAML text that `read_config` reads."""
        values = dataclasses.asdict(self)
        if self.image_size is not None:
            values["image_size"] = list(self.image_size)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


@dataclasses.dataclass(frozen=True)
class CompleteConfig(TrainConfig):
    """Settings of a training run with the defaults of its task.

    Attributes: see `TrainConfig`.
    """

    task: Task = "classification"
    model: str = ""
    weights: str = ""
    directory: str = ""
    batch_size: int = 1
    epochs: int = 1


def read_config(
    file: pathlib.Path | None, flags: dict[str, Any]
) -> TrainConfig:
    """Return the settings of a file, overridden by options.

    Args:
        file: YAML file with the names of `TrainConfig`, or `None`.
        flags: Dict with the same names. `None` means that the option was not
            passed.

    Returns:
        A `TrainConfig`, validated as far as possible without the data.

    Raises:
        ValueError: If a name is unknown or a value is invalid.
    """
    values = {} if file is None else _read_yaml(file)
    values |= {
        name: value for name, value in flags.items() if value is not None
    }
    fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for name in values:
        if name not in fields:
            close = difflib.get_close_matches(str(name), fields, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{file} has an unknown key {name!r}.{meant}")
    if not values.get("data"):
        raise ValueError("The data set is missing: keras-efficient train DATA")
    if values.get("image_size") is not None:
        values["image_size"] = _size(values["image_size"])
    # Normalize the path, for comparisons with the settings of a run.
    values["data"] = str(pathlib.Path(str(values["data"])))
    config = TrainConfig(**values)
    _check(config)
    if config.model is not None:
        config = dataclasses.replace(config, model=builder_name(config.model))
    return config


def complete(config: TrainConfig, task: Task) -> CompleteConfig:
    """Return the settings with the defaults of the task.

    Raises:
        ValueError: If the model or a setting does not fit the task.
    """
    is_detection = task == "detection"
    model = config.model or (
        "EfficientDetD0" if is_detection else "EfficientNetB0"
    )
    if model not in (DETECTORS if is_detection else CLASSIFIERS):
        raise ValueError(
            f"`model`: {model} is not a model for {task}, the task of "
            f"{config.data}. Choose another model, or set `task`."
        )
    for name in TASK_SETTINGS[other_of(task)]:
        default = TrainConfig.__dataclass_fields__[name].default
        if getattr(config, name) != default:
            raise ValueError(
                f"`{name}` is an option for {other_of(task)}, and the task of "
                f"{config.data} is {task}."
            )
    has_backbone = config.backbone_weights not in (None, "none")
    if has_backbone and config.weights not in (None, "none"):
        raise ValueError(
            "`backbone_weights` requires a detector without other weights, but "
            f"`weights` is {config.weights}. Omit one of them."
        )
    weights = config.weights or ("coco" if is_detection else "imagenet")
    if has_backbone:
        weights = "none"
    directory = config.directory or pathlib.Path("runs", _name(config))
    epochs = 50 if is_detection else 10
    decided = {
        "task": task,
        "model": model,
        "weights": weights,
        "directory": str(directory),
        "batch_size": config.batch_size or (8 if is_detection else 16),
        "epochs": epochs if config.epochs is None else config.epochs,
    }
    return CompleteConfig(**{**dataclasses.asdict(config), **decided})


def other_of(task: Task) -> Task:
    """Return the other task."""
    return TASKS[1 - TASKS.index(task)]


def differences(config: TrainConfig, other: TrainConfig) -> list[str]:
    """Return the settings that differ, one phrase for each."""
    old, new = dataclasses.asdict(other), dataclasses.asdict(config)
    return [
        f"{name} was {old[name]}, is {new[name]}"
        for name in new
        if new[name] != old[name] and name not in IGNORED
    ]


def _name(config):
    """Return the default name of a run."""
    path = pathlib.Path(config.data).resolve()
    if path.is_dir():
        return path.name
    # The folder of a `data.yaml` or `instances.json` is more specific.
    is_plain = path.stem in ("data", "dataset", "instances", "annotations")
    return path.parent.name if is_plain else path.stem


def _size(value):
    """Return height and width from a number, a pair or `240x320`."""
    sides = value
    if isinstance(value, str):
        sides = value.lower().split("x")
    elif not isinstance(value, list | tuple):
        sides = [value]
    try:
        sides = [int(str(side)) for side in sides]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise ValueError(
            "`image_size` must be a number such as 320, or height x width such "
            "as 240x320. "
            f"Received: {value!r}"
        )
    return sides[0], sides[-1]


def _read_yaml(file):
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{file} is not a YAML file: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} must contain lines such as `epochs: 20`.")
    return values


def _check(config):
    """Raise an error for an invalid value."""
    kinds: dict[str, Any] = {
        "float": (int, float), "int": int, "bool": bool, "str": str,
    }  # fmt: skip
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        word = str(getattr(field.type, "__name__", field.type)).split(" ")[0]
        kind = kinds.get(word)
        if value is None or kind is None:
            continue
        if not isinstance(value, kind) or (
            isinstance(value, bool) and kind is not bool
        ):
            raise ValueError(
                f"`{field.name}` must be of type {word}. Received: {value!r}"
            )
    for name, is_right, rule in (
        ("task", config.task in (None, *TASKS), f"one of {TASKS}"),
        (
            "train_batch_norm",
            config.train_batch_norm in BATCH_NORM,
            f"one of {BATCH_NORM}",
        ),
        (
            "batch_size",
            config.batch_size is None or config.batch_size >= 1,
            "at least 1",
        ),
        ("epochs", (config.epochs or 0) >= 0, "at least 0"),
        ("head_epochs", config.head_epochs >= 0, "at least 0"),
        ("learning_rate", config.learning_rate > 0, "above 0"),
        ("channels", config.channels >= 1, "at least 1"),
        ("evaluate_every", config.evaluate_every >= 1, "at least 1"),
        ("val_share", 0 < config.val_share < 1, "between 0 and 1"),
    ):
        if not is_right:
            raise ValueError(
                f"`{name}` must be {rule}. Received: {getattr(config, name)!r}"
            )
