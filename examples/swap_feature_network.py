"""Compare the BiFPN of EfficientDet with FPN, PANet and NAS-FPN.

    python examples/swap_feature_network.py --resolution 512

The four detectors differ only in their feature network: the backbone, heads,
filters and repeats are the same. Prints their size, cost and run time, and
saves a figure of the feature networks to `feature_networks.png`. Nothing is
downloaded.
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np

import keras_efficient
from keras_efficient import counting
from keras_efficient import feature_graphs
from keras_efficient import visualization

NETWORKS = {
    "fpn": ("FPN", feature_graphs.fpn_nodes),
    "panet": ("PANet", feature_graphs.panet_nodes),
    "nas_fpn": ("NAS-FPN", feature_graphs.nas_fpn_nodes),
    "bifpn": ("BiFPN", feature_graphs.bifpn_nodes),
}


def main():
    """Build the detectors, print a table of them and draw their networks."""
    args = parse_arguments()
    size = args.resolution
    models = {
        network: keras_efficient.EfficientDetD0(
            weights=None,
            backbone_weights=None,
            input_shape=(size, size, 3),
            feature_network=network,
        )
        for network in NETWORKS
    }
    milliseconds = measure(models, np.zeros((1, size, size, 3)), args.runs)
    print(
        f"{'':8} {'parameters':>11} {'multiply-adds':>14} {'ms an image':>12}"
    )
    for network, model in models.items():
        parameters = counting.count_parameters(model)
        multiply_adds = counting.count_multiply_adds(model)
        print(
            f"{NETWORKS[network][0]:8} {parameters:11,} "
            f"{multiply_adds / 1e6:12,.0f} M {milliseconds[network]:12.1f}"
        )
    draw(args.picture)
    print(f"Saved the figure to {args.picture}")


def measure(models, image, runs):
    """Return the median time of a prediction in milliseconds, by network."""
    times = {network: [] for network in models}
    # Alternate between the models, so that other load affects all of them.
    for _ in range(runs + 1):
        for network, model in models.items():
            start = time.perf_counter()
            model.predict_on_batch(image)
            times[network].append(1000 * (time.perf_counter() - start))
    # The first run of each model includes its compilation.
    return {network: np.median(all_[1:]) for network, all_ in times.items()}


def draw(path):
    """Save a figure of the feature networks, as in the EfficientDet paper."""
    figure, axes = plt.subplots(
        1, len(NETWORKS), figsize=(12, 4), width_ratios=(2, 3, 4, 3)
    )
    for ax, (title, nodes) in zip(axes, NETWORKS.values(), strict=True):
        visualization.plot_feature_network(nodes(), title=title, ax=ax)
    figure.savefig(path, dpi=120, bbox_inches="tight")


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--picture", default="feature_networks.png")
    return parser.parse_args()


if __name__ == "__main__":
    main()
