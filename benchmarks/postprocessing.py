"""Measure the time from network outputs to detections, beside effdet's.

    KERAS_BACKEND=jax python benchmarks/postprocessing.py

The input is one image's outputs of a D0 with 90 classes (49,104 anchors), with
high scores for few classes, as a trained network returns them. effdet is
measured with soft suppression only, because its hard suppression runs in
torchvision. Requires the extra `peers`.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import keras_efficient

IMAGE_SIZE = (512, 512)
OPTIONS = {
    "soft": {},
    "hard": {"nms": "hard"},
    "soft, best classes": {"candidates": "best_class"},
}


def main():
    """Print a row for each variant; the variants take turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    anchors = keras_efficient.ops.generate_anchors(IMAGE_SIZE)
    logits, deltas = make_outputs(len(anchors))
    ways = {
        f"{keras.backend.backend()}, {name}": our_way(
            anchors, logits, deltas, options
        )
        for name, options in OPTIONS.items()
    }
    ways["effdet, soft"] = effdet_way(anchors, logits, deltas)
    times = {name: [] for name in ways}
    for run in range(args.runs + 2):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if run >= 2:
                times[name].append(time.perf_counter() - start)
    for name, seconds in times.items():
        print(f"{name} | {1000 * statistics.median(seconds):.1f} ms")


def make_outputs(number, num_classes=90):
    """Return random outputs with high scores for 40 objects."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-6, 1, (1, number, num_classes)).astype("float32")
    for place in rng.integers(0, number - 30, 40):
        logits[0, place : place + 30, rng.integers(num_classes)] += 6
    deltas = rng.normal(0, 0.3, (1, number, 4)).astype("float32")
    return logits, deltas


def our_way(anchors, logits, deltas, options):
    """Return a call of our post-processing as `detect` runs it."""
    outputs = {"class_logits": logits, "box_deltas": deltas}
    arrays = [outputs, np.array([IMAGE_SIZE], "float32")]
    arrays = keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:]), arrays
    )
    layer = keras_efficient.postprocessing.PostProcessing(anchors, options)
    model = keras.Model(inputs, layer(inputs))
    return lambda: model.predict_on_batch(arrays)


def effdet_way(anchors, logits, deltas):
    """Return a call of effdet's post-processing with the same outputs."""
    import torch
    import torchvision_cpu  # noqa: F401  (before effdet)
    from effdet.bench import _batch_detection
    from effdet.bench import _post_process

    # A single level with one row has our order of anchors.
    logits = torch.tensor(logits.reshape(1, 1, 1, -1).transpose(0, 3, 1, 2))
    deltas = torch.tensor(deltas.reshape(1, 1, 1, -1).transpose(0, 3, 1, 2))
    boxes = torch.tensor(np.asarray(anchors), dtype=torch.float32)

    @torch.no_grad()
    def way():
        chosen = _post_process([logits], [deltas], 1, 90)
        scores, offsets, indices, classes = chosen
        return _batch_detection(
            1, scores, offsets, boxes, indices, classes, soft_nms=True
        ).numpy()

    return way


if __name__ == "__main__":
    main()
