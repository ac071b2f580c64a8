"""Scale your own network: search, family of sizes and budget.

    python examples/scale_network.py
    python examples/scale_network.py --multiply-adds 2e8 --data cifar100

Step 1 searches the factors of depth, width and resolution with which a network
of twice the cost reaches the best score, on synthetic images (seconds) or on
CIFAR-100. Step 2 scales the network to a family with these factors. The last
line of the output is the largest network within a budget. To scale your own
network, replace `build` and `evaluate`. Scores are saved in the file of
`--results`; repeat the command to resume after an interruption.
"""

import argparse
import functools

import keras
import numpy as np

import keras_efficient
from keras_efficient import counting
from keras_efficient import scaling


def main():
    """Search the coefficients, then print a family and the largest network."""
    args = parse_arguments()
    search = scaling.search_coefficients(
        functools.partial(evaluate, load(args.data), args.epochs),
        step=args.step,
        path=args.results,
    )
    print(search.table())
    if args.plot:
        axes = keras_efficient.visualization.plot_search(search)
        axes.figure.savefig(args.plot, dpi=110, bbox_inches="tight")
    for phi, c in enumerate(search.scaling.family(range(4))):
        cost = counting.count_multiply_adds(build(c))
        print(f"phi {phi}: {c.scale_resolution(32)} pixels, {cost:,}")
    print(
        keras_efficient.budgets.fit_budget(
            build, search.scaling, multiply_adds=args.multiply_adds
        )
    )


def build(c, classes=100):
    """Return a small network with the depth, width and resolution of `c`."""
    return keras_efficient.EfficientNet(
        classes=classes,
        width_coefficient=c.width,
        depth_coefficient=c.depth,
        resolution=c.scale_resolution(32),
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:3],
        top_filters=256,
        # Adapts the moving statistics within a short training.
        batch_norm_momentum=0.8,
    )


def evaluate(data, epochs, c):
    """Return the accuracy on validation images after a short training."""
    x, y, x_test, y_test = data
    keras.utils.set_random_seed(0)
    model = build(c, classes=int(y.max()) + 1)
    size = (c.scale_resolution(32),) * 2
    model.compile(
        keras.optimizers.Adam(2e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    resize = keras.layers.Resizing(*size, data_format="channels_last")
    model.fit(resize(x), y, batch_size=32, epochs=epochs, verbose=0)
    return model.evaluate(resize(x_test), y_test, verbose=0)[1]


def load(name):
    """Return training and validation images, each followed by their labels."""
    if name == "cifar100":
        (x, y), (x_test, y_test) = keras.datasets.cifar100.load_data()
        return x.astype("float32"), y, x_test.astype("float32"), y_test
    # Ten classes of stripes that differ in their direction.
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 768)
    angles = (y * np.pi / 10)[:, None, None]
    rows, columns = np.mgrid[:32, :32]
    waves = np.cos(angles) * rows + np.sin(angles) * columns
    x = 127 + 60 * np.sin(waves + rng.uniform(0, 6, (768, 1, 1)))
    x = x[..., None] + rng.normal(0, 120, (768, 32, 32, 3))
    x = x.clip(0, 255).astype("float32")
    return x[:512], y[:512], x[512:], y[512:]


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="stripes", choices=("stripes", "cifar100"))
    add("--epochs", type=int, default=3)
    add("--step", type=float, default=0.2, help="step of the grid")
    add(
        "--results",
        default="scaling_search.jsonl",
        help="file of scores",
    )
    add("--plot", help="file for a figure of the search, .png")
    add("--multiply-adds", type=float, default=5e7, help="budget")
    return parser.parse_args()


if __name__ == "__main__":
    main()
