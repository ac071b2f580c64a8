"""Measure the ratios of time in two tables of the papers on this machine.

    KERAS_BACKEND=tensorflow taskset -c 0 python benchmarks/paper_latency.py

Table 4 of EfficientNet: ResNet-152 compared with B1, one image, one core, mean
of 20 runs; and B7, which the paper compares with GPipe, an unpublished
network. Table 6 of EfficientDet: fast normalized fusion compared with softmax,
in a training step and in inference, where the weights of fusion are already
normalized. Weights are random, and the compared networks take turns.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import keras_efficient

METHODS = ("softmax", "fast_normalized")
# Discarded runs: compilation and the first use of memory.
WARM_UP = 2


def main():
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--image-size", type=int, default=256)
    args = parser.parse_args()
    print(f"{keras.backend.backend()}, {args.runs} runs of each")
    networks = {
        "ResNet-152": keras.applications.ResNet152(weights=None),
        "B1": keras_efficient.EfficientNetB1(weights=None),
        "B7": keras_efficient.EfficientNetB7(weights=None),
    }
    seconds = take_turns(
        {name: inference_call(model) for name, model in networks.items()},
        args.runs,
    )
    show(seconds)
    compare(seconds, "ResNet-152", "B1")
    detectors = {
        method: keras_efficient.EfficientDetD0(
            weights=None,
            backbone_weights=None,
            weight_method=method,
            input_shape=(args.image_size, args.image_size, 3),
        )
        for method in METHODS
    }
    for what, make in {
        "inference": inference_call,
        "training step": training_step,
    }.items():
        print(f"D0 at {args.image_size}, {what}:")
        calls = {name: make(model) for name, model in detectors.items()}
        seconds = take_turns(calls, args.runs)
        show(seconds)
        compare(seconds, *METHODS)


def inference_call(model):
    """Return a call of the fused, compiled network with one image."""
    predictor = keras_efficient.inference.Predictor(model)
    image = np.zeros((1, *model.input_shape[1:]), "float32")

    def call():
        outputs = predictor(image)
        keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

    return call


def training_step(model):
    """Return a training step with one image and one box."""
    model.compile(
        **keras_efficient.training.detection_recipe(steps=1000, batch_size=1)
    )
    image = np.zeros((1, *model.input_shape[1:]), "float32")
    truth = {
        "boxes": np.array([[[10, 20, 90, 120]]], "float32"),
        "labels": np.zeros((1, 1), "int32"),
    }
    return lambda: model.train_on_batch(image, truth)


def take_turns(calls, runs):
    """Return the seconds of each run; the calls take turns."""
    seconds = {name: [] for name in calls}
    for _ in range(runs + WARM_UP):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: times[WARM_UP:] for name, times in seconds.items()}


def show(seconds):
    """Print mean, median and minimum of each call."""
    for name, times in seconds.items():
        print(
            f"  {name:16} mean {statistics.mean(times):.3f} s, median "
            f"{statistics.median(times):.3f} s, least {min(times):.3f} s",
            flush=True,
        )


def compare(seconds, slow, fast):
    """Print the ratio of two times."""
    kinds = (statistics.mean, statistics.median, min)
    ratios = [
        f"{kind(seconds[slow]) / kind(seconds[fast]):.2f}" for kind in kinds
    ]
    print(f"  {slow} / {fast}: {', '.join(ratios)} (mean, median, least)")


if __name__ == "__main__":
    main()
