"""Measure seconds and memory to build and run a detector, beside effdet.

    KERAS_BACKEND=torch python benchmarks/detector_cost.py EfficientDetD0

Each model runs in its own process at its own resolution, with one image and
random weights. The first run includes compilation. effdet requires the extra
`peers`; without it, its columns are omitted.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

NAMES = [f"EfficientDetD{i}" for i in (*range(8), "7x")]


def main():
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--child", choices=list(CHILDREN))
    args = parser.parse_args()
    if args.child:
        print(json.dumps(CHILDREN[args.child](args.names[0])))
        return
    print("model | library | build s | first run s | second run s | peak GB")
    for name in args.names:
        for library in CHILDREN:
            process = subprocess.run(
                [sys.executable, __file__, name, "--child", library],
                capture_output=True,
                text=True,
            )
            if process.returncode:
                reason = process.stderr.strip().splitlines()[-1]
                print(f"{name} | {library} | not run: {reason}", flush=True)
                continue
            result = json.loads(process.stdout.splitlines()[-1])
            figures = " | ".join(f"{x:.2f}" for x in result["figures"])
            print(f"{name} | {result['library']} | {figures}", flush=True)


def measure(library, build, run):
    """Return seconds to build, of two runs, and the peak memory."""
    before = time.perf_counter()
    model = build()
    figures = [time.perf_counter() - before]
    for _ in range(2):
        before = time.perf_counter()
        run(model)
        figures.append(time.perf_counter() - before)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"library": library, "figures": [*figures, kilobytes / 1e6]}


def measure_ours(name):
    """Measure our model on the backend of Keras."""
    import keras
    import numpy as np

    import keras_efficient

    size = keras_efficient.variants.EFFICIENTDET_VARIANTS[name].resolution
    image = np.zeros((1, size, size, 3), "float32")
    return measure(
        f"keras_efficient, {keras.backend.backend()}",
        lambda: getattr(keras_efficient, name)(
            weights=None, backbone_weights=None
        ),
        lambda model: model.predict_on_batch(image),
    )


def measure_effdet(name):
    """Measure the same model of effdet in channels-last memory format."""
    try:
        import torchvision_cpu  # noqa: F401  (before effdet)
    except ImportError:
        pass
    import effdet
    import torch

    config = effdet.get_efficientdet_config(
        f"tf_{name.lower().replace('efficientdetd', 'efficientdet_d')}"
    )
    image = torch.zeros((1, 3, *config.image_size))
    image = image.contiguous(memory_format=torch.channels_last)

    def build():
        network = effdet.EfficientDet(config, pretrained_backbone=False)
        return network.eval().to(memory_format=torch.channels_last)

    def run(network):
        with torch.inference_mode():
            network(image)

    return measure("effdet, PyTorch", build, run)


CHILDREN = {"ours": measure_ours, "effdet": measure_effdet}


if __name__ == "__main__":
    main()
