"""Memory of long runs: training steps, and detections of changing images.

    KERAS_BACKEND=torch python benchmarks/long_runs.py --plot memory.png

Small networks are used, because only growth is measured. The detections change
the size of the image, the thresholds and, five times, the model. A run passes
if the memory of its last quarter exceeds that of its second by less than 5%.
"""

import argparse
import gc
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_efficient
from keras_efficient import training
from keras_efficient.variants import MBConvStage

STAGES = tuple(MBConvStage(1, 3, 2, n, 2) for n in (8, 8, 16, 24))
SIZE = (64, 96)
SAMPLES = 100
NUM_MODELS = 5
LIMIT = 1.05


def build() -> keras.Model:
    """Return a detector with random weights."""
    backbone = keras_efficient.EfficientNet(
        include_top=False, stages=STAGES, stem_filters=8, top_filters=8,
        input_shape=(*SIZE, 3),
    )  # fmt: skip
    return keras_efficient.EfficientDet(
        backbone, num_classes=3, fpn_filters=16, fpn_repeats=1,
        head_repeats=1, max_level=5,
    )  # fmt: skip


def resident_megabytes() -> float:
    """Return the resident memory of this process."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def train(steps: int) -> list[float]:
    """Return the memory during training steps."""
    model = build()
    model.compile(**training.detection_recipe(steps, 2))
    rng = np.random.default_rng(0)
    found = []
    for step in range(steps):
        low = rng.uniform(0, 40, (2, 5, 2))
        boxes = np.concatenate([low, low + rng.uniform(5, 20, low.shape)], -1)
        truth = {
            "boxes": boxes.astype("float32"),
            "labels": rng.integers(0, 3, (2, 5), "int32"),
        }
        images = rng.uniform(0, 255, (2, *SIZE, 3)).astype("float32")
        model.train_on_batch(images, truth)
        if step % max(1, steps // SAMPLES) == 0:
            found.append(resident_megabytes())
    return found


def detect(number: int) -> list[float]:
    """Return the memory during detections, with several models in turn."""
    rng = np.random.default_rng(0)
    found = []
    model = build()
    for i in range(number):
        if i % max(1, number // NUM_MODELS) == 0:
            model = build()
        size = rng.integers(20, 400, 2)
        image = rng.integers(0, 256, (*size, 3), "uint8")
        model.detect(
            [image] * int(rng.integers(1, 3)),
            batch_size=int(rng.integers(1, 3)),
            score_threshold=float(rng.uniform(0.001, 0.5)),
            iou_threshold=float(rng.uniform(0.2, 0.8)),
        )
        if i % max(1, number // SAMPLES) == 0:
            found.append(resident_megabytes())
    return found


def growth(memory: list[float]) -> float:
    """Return the memory of the last quarter divided by that of the second."""
    quarter = max(1, len(memory) // 4)
    second = np.median(memory[quarter : 2 * quarter])
    return float(np.median(memory[-quarter:]) / second)


def plot(results: dict[str, list[float]], path: pathlib.Path) -> None:
    """Draw the memory of each run."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5))
    for name, memory in results.items():
        share = np.linspace(0, 100, len(memory))
        axes.plot(share, memory, label=f"{name} ({growth(memory):.3f})")
    axes.set(xlabel="share of the run (%)", ylabel="resident memory (MB)")
    axes.set_ylim(0)
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run both, and report the growth."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--detections", type=int, default=5000)
    parser.add_argument(
        "--output", type=pathlib.Path, help="JSON file to add the runs to"
    )
    parser.add_argument(
        "--plot", type=pathlib.Path, help="picture of all runs in --output"
    )
    arguments = parser.parse_args()
    backend = keras.backend.backend()
    results = {}
    if arguments.output is not None and arguments.output.exists():
        results = json.loads(arguments.output.read_text())
    has_grown = False
    for name, run, number in (
        ("training", train, arguments.steps),
        ("detection", detect, arguments.detections),
    ):
        memory = run(number)
        results[f"{backend}, {name}"] = memory
        factor = growth(memory)
        has_grown |= factor > LIMIT
        print(
            f"{backend} | {name} | {number} | {memory[0]:.0f} to "
            f"{memory[-1]:.0f} MB | growth {factor:.3f}",
            flush=True,
        )
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results))
    if arguments.plot is not None:
        plot(results, arguments.plot)
    sys.exit(has_grown)


if __name__ == "__main__":
    main()
