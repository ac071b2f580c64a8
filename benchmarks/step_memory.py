"""Measure peak memory of a training step, with and without `set_remat`.

    KERAS_BACKEND=torch python benchmarks/step_memory.py D0 D4 --batch 1

Each variant runs three steps in its own process. The memory is that of the
process, before the first step and at its maximum.
"""

import argparse
import json
import resource
import subprocess
import sys
import time


def main():
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=["D0", "D4"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--child", choices=["plain", "remat"])
    args = parser.parse_args()
    if args.child:
        print(json.dumps(_measure(args.models[0], args.batch, args.child)))
        return
    print("model | batch | way | GB ahead | peak GB | last step s", flush=True)
    for model in args.models:
        for way in ("plain", "remat"):
            command = [sys.executable, __file__, model, "--child", way]
            command += ["--batch", str(args.batch)]
            process = subprocess.run(command, capture_output=True, text=True)
            if process.returncode:
                print(f"{model} | {args.batch} | {way} | failed", flush=True)
                continue
            figures = json.loads(process.stdout.splitlines()[-1])
            row = " | ".join(f"{x:.2f}" for x in figures)
            print(f"{model} | {args.batch} | {way} | {row}", flush=True)


def _measure(name, batch, way):
    import keras
    import numpy as np

    import keras_efficient

    build = getattr(keras_efficient, f"EfficientDet{name}")
    model = build(weights=None, backbone_weights=None)
    model.set_remat(way == "remat")
    model.compile(keras.optimizers.SGD(1e-4))
    images = np.zeros((batch, *model.input_shape[1:]), "float32")
    boxes = np.tile([[[20.0, 30, 150, 180]]], (batch, 1, 1))
    labels = {"boxes": boxes, "labels": np.zeros((batch, 1), "int32")}
    ahead = _peak()
    for _ in range(3):
        before = time.perf_counter()
        model.train_on_batch(images, labels)
        seconds = time.perf_counter() - before
    return ahead, _peak(), seconds


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
