"""The settings of a training: from flags, from a YAML file, by default."""

import dataclasses
import difflib
import pathlib
from typing import Any

import yaml

from keras_efficient.cli.loading import CLASSIFIERS
from keras_efficient.cli.loading import DETECTORS
from keras_efficient.cli.loading import builder_name

CONFIG_FILE = "config.yaml"
TASKS = ("classification", "detection")
# Batch norm that learns, of a detector.
BATCH_NORM = ("all", "head", "none")
# Settings that only one of them has.
OF_A_TASK = {
    "classification": ("head_epochs",),
    "detection": (
        "backbone_weights",
        "train_batch_norm",
        "anchor_scale",
        "min_scale",
        "max_scale",
        "vertical_flip",
        "evaluate_every",
    ),
}
# Where a run lies is no property of it.
NOT_OF_THE_RUN = ("directory",)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """All that a training is told; `None` is decided by the data.

    Attributes:
        data: Folder, file, or `"cifar10"` or `"cifar100"`.
        task: `"classification"` or `"detection"`.
        model: Name of a builder.
        weights: A published set, a checkpoint, or `"none"`.
        backbone_weights: The same, of a detector's backbone.
        partial: Whether checkpoints may lack layers.
        directory: Folder of the run.
        image_size: Height and width, in pixels.
        batch_size: Images at once.
        epochs: Passes over the data, in which everything learns.
        head_epochs: Passes before, of a classifier's head alone.
        learning_rate: The highest.
        train_batch_norm: Which of a detector learns.
        anchor_scale: Size of a detector's anchors.
        min_scale: Least factor on the size of a detector's images.
        max_scale: Largest factor.
        vertical_flip: Whether images may be upside down.
        evaluate_every: Epochs from one measurement of a detector to the next.
        val_share: Share that is held out where no split is.
        mixed_precision: Whether to compute in bfloat16.
        seed: Of all random numbers.
    """

    data: str
    task: str | None = None
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
    train_batch_norm: str | None = None
    anchor_scale: float | None = None
    min_scale: float = 0.8
    max_scale: float = 1.25
    vertical_flip: bool = False
    evaluate_every: int = 5
    val_share: float = 0.2
    mixed_precision: bool = False
    seed: int = 0

    def to_yaml(self) -> str:
        """The text of a file from which `read_config` makes it again."""
        values = dataclasses.asdict(self)
        if self.image_size is not None:
            values["image_size"] = list(self.image_size)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def read_config(
    file: pathlib.Path | None, flags: dict[str, Any]
) -> TrainConfig:
    """The settings of a file, with those of flags in their place.

    Args:
        file: A YAML file with the names of `TrainConfig`, or `None`.
        flags: Dict of the same names; `None` was not given.

    Returns:
        A `TrainConfig`, checked as far as it can be without the data.

    Raises:
        ValueError: If a name is unknown or a value cannot be.
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
        raise ValueError(
            "What to train on is missing: keras-efficient train DATA"
        )
    if values.get("image_size") is not None:
        values["image_size"] = _size(values["image_size"])
    # One folder has one name.
    values["data"] = str(pathlib.Path(str(values["data"])))
    config = TrainConfig(**values)
    _check(config)
    if config.model is not None:
        config = dataclasses.replace(config, model=builder_name(config.model))
    return config


def complete(config: TrainConfig, task: str) -> TrainConfig:
    """The settings with what the task decides.

    Raises:
        ValueError: If the model is not for the task.
    """
    is_detection = task == "detection"
    model = config.model or (
        "EfficientDetD0" if is_detection else "EfficientNetB0"
    )
    if model not in (DETECTORS if is_detection else CLASSIFIERS):
        raise ValueError(
            f"`model`: {model} is not for {task}, which {config.data} is for. "
            "Take another model, or set `task`."
        )
    for name in OF_A_TASK[other_of(task)]:
        default = TrainConfig.__dataclass_fields__[name].default
        if getattr(config, name) != default:
            raise ValueError(
                f"`{name}` is for {other_of(task)}, and {config.data} is for "
                f"{task}."
            )
    has_backbone = config.backbone_weights not in (None, "none")
    if has_backbone and config.weights not in (None, "none"):
        raise ValueError(
            "`backbone_weights` are for a detector without others, and "
            f"`weights` is {config.weights}. Leave one of them out."
        )
    weights = config.weights or ("coco" if is_detection else "imagenet")
    if has_backbone:
        weights = "none"
    return dataclasses.replace(
        config,
        task=task,
        model=model,
        weights=weights,
        directory=config.directory or str(pathlib.Path("runs", _name(config))),
        batch_size=config.batch_size or (8 if is_detection else 16),
        epochs=config.epochs
        if config.epochs is not None
        else (50 if is_detection else 10),
    )


def other_of(task: str) -> str:
    """The other of the two tasks."""
    return TASKS[1 - TASKS.index(task)]


def differences(config: TrainConfig, other: TrainConfig) -> list[str]:
    """What another training was told otherwise, one sentence each."""
    old, new = dataclasses.asdict(other), dataclasses.asdict(config)
    return [
        f"{name} was {old[name]}, is {new[name]}"
        for name in new
        if new[name] != old[name] and name not in NOT_OF_THE_RUN
    ]


def _name(config):
    """What a run is called that has no other name."""
    path = pathlib.Path(config.data).resolve()
    if path.is_dir():
        return path.name
    # The folder of a `data.yaml` or an `instances.json` says more.
    is_plain = path.stem in ("data", "dataset", "instances", "annotations")
    return path.parent.name if is_plain else path.stem


def _size(value):
    """Height and width of a number, a pair, or a text as `240x320`."""
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
            "`image_size` must be as 320, or height x width as 240x320. "
            f"Received: {value!r}"
        )
    return sides[0], sides[-1]


def _read_yaml(file):
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{file} is no YAML file: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} must have lines such as `epochs: 20`.")
    return values


def _check(config):
    """Raises an error for a value that cannot be."""
    kinds = {
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
            config.train_batch_norm in (None, *BATCH_NORM),
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
        ("evaluate_every", config.evaluate_every >= 1, "at least 1"),
        ("val_share", 0 < config.val_share < 1, "between 0 and 1"),
    ):
        if not is_right:
            raise ValueError(
                f"`{name}` must be {rule}. Received: {getattr(config, name)!r}"
            )
