"""Data sets of a few small images, and tiny networks that learn them."""

import numpy as np
from PIL import Image

import keras_efficient
from tests.models.detectors import tiny

COLORS = ("blue", "green", "red")


def settle(monkeypatch, folder):
    """Change to a folder and replace B0 and D0 by tiny networks."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(keras_efficient, "EfficientNetB0", tiny_classifier)
    monkeypatch.setattr(keras_efficient, "EfficientDetD0", tiny_detector)


def small(*more):
    """Return arguments of a short training run."""
    return (
        "--weights", "none", "--image-size", "32", "--epochs", "2",
        "--batch-size", "4", *more,
    )  # fmt: skip


def tiny_classifier(
    weights=None, input_shape=(32, 32, 3), classes=1000, **arguments
):
    """Build the replacement of `EfficientNetB0`."""
    assert weights is None
    return keras_efficient.EfficientNet(
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:1],
        width_coefficient=0.25,
        top_filters=32,
        input_shape=input_shape,
        classes=classes,
        **arguments,
    )


def tiny_detector(
    weights=None, input_shape=(64, 64, 3), backbone_weights=None, **arguments
):
    """Build the replacement of `EfficientDetD0`."""
    assert weights is None and backbone_weights is None
    anchor_scale = arguments.pop("anchor_scale") or 4.0
    return tiny(
        input_shape=input_shape,
        min_level=4,
        anchor_scale=anchor_scale,
        **arguments,
    )


def colored(folder, count, seed=0):
    """Write folders of three classes, images of noise on one color."""
    rng = np.random.default_rng(seed)
    for channel, name in enumerate(reversed(COLORS)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = rng.integers(0, 90, (36, 44, 3))
            image[..., channel] += 150
            image = Image.fromarray(image.astype("uint8"))
            image.save(folder / name / f"{i}.png")


def cells(folder, splits=("train", "val"), count=3):
    """Write a YOLO data set with a bright cell in each image."""
    for split in splits:
        for part in ("images", "labels"):
            (folder / split / part).mkdir(parents=True)
        for i in range(count):
            image = np.zeros((60, 80, 3), "uint8")
            image[15:45, 20:60] = 200
            path = folder / split / "images" / f"{i}.png"
            Image.fromarray(image).save(path)
            label = folder / split / "labels" / f"{i}.txt"
            label.write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text("names: [cell]\n")
