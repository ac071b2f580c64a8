"""Train a small network scaled by depth, width, resolution and all three.

    python benchmarks/compound_scaling.py --data cifar100 --results out.jsonl

A baseline is scaled to about four times its multiply-adds by depth, width or
resolution alone and by all three as in the paper. Each network is trained
with the same recipe on CIFAR-100 and three seeds. Each training appends a line
to the file of results, and the same command resumes after an interruption.
`--data cifar100` downloads the entire data set with Keras; `--data flowers/`
reads a folder of images, `<class>/<image>` within `train` and `val`. With
`search` as first argument, the program searches alpha, beta and gamma for the
baseline instead. `--baseline B0 --image-size 224` trains the networks of the
paper, which requires a GPU.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import numpy as np

import keras_efficient
from keras_efficient import counting
from keras_efficient.budgets import fit_budget
from keras_efficient.scaling import Coefficients
from keras_efficient.scaling import CompoundScaling
from keras_efficient.scaling import search_coefficients
from keras_efficient.variants import MBConvStage

# The scaling methods; `fit_budget` finds the phi with four times the cost.
WAYS = {
    "depth": CompoundScaling(2.0, 1.0, 1.0),
    "width": CompoundScaling(1.0, 2.0**0.5, 1.0),
    "resolution": CompoundScaling(1.0, 1.0, 2.0**0.5),
    "compound": CompoundScaling(),
}
COLORS = {
    "baseline": "#2d3748",
    "depth": "#2b6cb0",
    "width": "#c05621",
    "resolution": "#2f855a",
    "compound": "#b83280",
}
# EfficientNet at a size for two cores, with three strides. Rounding to
# multiples of 4 changes these numbers of filters little.
SMALL_STAGES = (
    MBConvStage(1, 3, 1, 20, 2),
    MBConvStage(4, 3, 2, 40, 2),
    MBConvStage(4, 3, 2, 80, 3),
)


def main():
    """Train the missing networks, print the table and draw the plot."""
    args = parse_arguments()
    data = load(args)
    if args.task == "search":
        search(args, data)
        return
    path = pathlib.Path(args.results)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = read(path)
    for way, coefficients in networks(args, data).items():
        for seed in range(args.seeds):
            key = {"way": way, "seed": seed, **settings(args)}
            if any(key.items() <= row.items() for row in rows):
                continue
            row = {**key, **train(args, data, coefficients, seed)}
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            rows.append(row)
            print(json.dumps(row), flush=True)
    wanted = settings(args).items()
    rows = [row for row in rows if wanted <= row.items()]
    print(table(rows))
    if args.plot:
        plot(rows, args.plot)


def settings(args):
    """Return the settings that all results of a comparison share."""
    names = "data", "baseline", "image_size", "epochs", "batch_size", "growth"
    shared = {name: getattr(args, name) for name in names}
    shared["data"] = pathlib.Path(args.data).name
    return shared


def networks(args, data):
    """Return the coefficients of each method at the same cost."""
    base = Coefficients(width=1.0, depth=1.0, resolution=1.0)
    cost = counting.count_multiply_adds(build(args, data, base))
    found = {"baseline": base}
    for way, scaling in WAYS.items():
        # Rounding can exceed the requested cost: allow 6% more.
        fit = fit_budget(
            lambda c: build(args, data, c),
            scaling,
            multiply_adds=args.growth * 1.06 * cost,
        )
        found[way] = fit.coefficients
        print(f"{way}: {fit.costs['multiply_adds'] / cost:.2f} times, {fit}")
    return found


def build(args, data, coefficients):
    """Return the baseline scaled by the coefficients."""
    small = {
        "stages": SMALL_STAGES,
        "stem_filters": 20,
        "top_filters": 320,
        "divisor": 4,
    }
    side = coefficients.scale_resolution(args.image_size)
    # Models of a fixed size require at least 32 pixels.
    model = keras_efficient.EfficientNet(
        classes=data["num_classes"],
        input_shape=(None, None, 3),
        width_coefficient=coefficients.width,
        depth_coefficient=coefficients.depth,
        dropout_rate=0.2,
        drop_connect_rate=0.1,
        batch_norm_momentum=0.9,
        **(small if args.baseline == "small" else {}),
    )
    images = keras.Input((side, side, 3))
    return keras.Model(images, model(images))


def train(args, data, coefficients, seed, epochs=None):
    """Train a network and return its results."""
    keras.utils.set_random_seed(seed)
    model = build(args, data, coefficients)
    side = model.input_shape[1]
    epochs = args.epochs if epochs is None else epochs
    batches = Batches(
        resized(data["x_train"], side),
        one_hot(data["y_train"], data["num_classes"]),
        args.batch_size,
        seed,
    )
    model.compile(
        **keras_efficient.training.classification_recipe(
            epochs * len(batches),
            learning_rate=args.learning_rate,
            weight_decay=args.weight_decay,
        )
    )
    start = time.perf_counter()
    model.fit(batches, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    predicted = model.predict(
        resized(data["x_test"], side).astype("float32"),
        batch_size=250,
        verbose=0,
    ).argmax(-1)
    return {
        "accuracy": float(np.mean(predicted == data["y_test"])),
        "multiply_adds": counting.count_multiply_adds(model),
        "parameters": counting.count_parameters(model),
        "width": coefficients.width,
        "depth": coefficients.depth,
        "pixels": side,
        "seconds": round(seconds, 1),
        "backend": keras.backend.backend(),
    }


class Batches(keras.utils.PyDataset):
    """Shuffled batches, flipped and shifted by up to an eighth of the side."""

    def __init__(self, images, labels, batch_size, seed):
        super().__init__()
        self.images, self.labels = images, labels
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_begin()

    def __len__(self):
        return len(self.images) // self.batch_size

    def on_epoch_begin(self):
        """Draw a new order."""
        self.order = self.rng.permutation(len(self.images))

    def __getitem__(self, index):
        first = index * self.batch_size
        chosen = self.order[first : first + self.batch_size]
        images = self.images[chosen]
        side = images.shape[1]
        margin = side // 8
        padding = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        wide = np.pad(images, padding, mode="reflect")
        result = np.empty(images.shape, "float32")
        for i, image in enumerate(wide):
            row, column = self.rng.integers(0, 2 * margin + 1, 2)
            cut = image[row : row + side, column : column + side]
            result[i] = cut[:, ::-1] if self.rng.random() < 0.5 else cut
        return result, self.labels[chosen]


def search(args, data):
    """Search the coefficients (step 1 of the paper) for the baseline."""

    def evaluate(coefficients):
        rows = [
            train(args, data, coefficients, seed) for seed in range(args.seeds)
        ]
        return statistics.mean(row["accuracy"] for row in rows)

    found = search_coefficients(
        evaluate, step=args.step, tolerance=0.1, path=args.results
    )
    print(found.table())
    if args.plot:
        figure = keras_efficient.visualization.plot_search(found).figure
        figure.savefig(args.plot, dpi=110, bbox_inches="tight")


def load(args):
    """Return images and labels as arrays."""
    if args.data == "cifar100":
        (x, y), (x_test, y_test) = keras.datasets.cifar100.load_data()
    elif args.data.endswith(".npz"):
        with np.load(args.data) as file:
            x, y = file["x_train"], file["y_train"]
            x_test, y_test = file["x_test"], file["y_test"]
    else:
        side = 2 * args.image_size
        (x, y), (x_test, y_test) = (
            folder_arrays(pathlib.Path(args.data, part), side)
            for part in ("train", "val")
        )
    return {
        "x_train": x,
        "y_train": y.reshape(-1),
        "x_test": x_test,
        "y_test": y_test.reshape(-1),
        "num_classes": int(y.max()) + 1,
    }


def folder_arrays(folder, side):
    """Return the images of a folder of classes, resized to squares."""
    images, labels = (
        keras.utils.image_dataset_from_directory(
            folder, image_size=(side, side), batch_size=None, shuffle=False
        )
        .batch(100_000)
        .get_single_element()
    )
    return np.asarray(images).round().astype("uint8"), np.asarray(labels)


def resized(images, side):
    """Resize images, with antialiasing if they become smaller."""
    if images.shape[1] == side:
        return images
    resize = keras_efficient.data.resizing.resize
    return np.stack([resize(x, (side, side), antialias=True) for x in images])


def one_hot(labels, num_classes):
    """Return one-hot labels."""
    return np.eye(num_classes, dtype="float32")[labels]


def table(rows):
    """Return a Markdown table of mean and spread for each method."""
    lines = [
        "| scaled by | depth | width | pixels | parameters | multiply-adds "
        "| accuracy | for each seed | seconds per training |",
        "|---|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    for way, group in grouped(rows).items():
        first = group[0]
        scores = [100 * row["accuracy"] for row in group]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        each = ", ".join(f"{score:.1f}" for score in scores)
        seconds = statistics.mean(row["seconds"] for row in group)
        lines.append(
            f"| {way} | {first['depth']:.2f} | {first['width']:.2f} "
            f"| {first['pixels']} | {first['parameters']:,} "
            f"| {first['multiply_adds'] / 1e6:.2f} M "
            f"| {statistics.mean(scores):.1f} ± {spread:.1f}% | {each} "
            f"| {seconds:.0f} |"
        )
    return "\n".join(lines)


def grouped(rows):
    """Return the rows of each method, in the order of the file."""
    groups = {}
    for row in rows:
        groups.setdefault(row["way"], []).append(row)
    return groups


def plot(rows, path):
    """Plot accuracy by multiply-adds, for each seed and on average."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = grouped(rows)
    figure, ax = plt.subplots(figsize=(7, 4.5))
    mean = {
        way: (
            group[0]["multiply_adds"] / 1e6,
            100 * statistics.mean(row["accuracy"] for row in group),
        )
        for way, group in groups.items()
    }
    for way, group in groups.items():
        x, y = mean[way]
        color = COLORS[way]
        if way != "baseline" and "baseline" in mean:
            ax.plot(*zip(mean["baseline"], (x, y), strict=True), color=color)
        scores = [100 * row["accuracy"] for row in group]
        ax.scatter([x] * len(scores), scores, s=14, color=color, alpha=0.5)
        ax.scatter([x], [y], s=70, color=color, label=f"{way}: {y:.1f}%")
    ax.set_xlabel("multiply-adds, millions")
    ax.set_ylabel("accuracy on held-out images, %")
    ax.grid(alpha=0.3)
    ax.legend(title="mean of the seeds")
    figure.savefig(path, dpi=110, bbox_inches="tight")


def read(path):
    """Return the rows of a file of results, or none if it does not exist."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("task", nargs="?", default="compare", choices=("compare", "search"))
    add("--data", required=True, help="cifar100, an .npz file or a folder")
    add("--results", required=True, help="JSON Lines file")
    add("--plot", help="PNG file of the plot")
    add("--baseline", default="small", choices=("small", "B0"))
    add("--image-size", type=int, default=16, help="image size of the baseline")
    add("--growth", type=float, default=4.0, help="factor of the multiply-adds")
    add("--epochs", type=int, default=40)
    add("--seeds", type=int, default=3)
    add("--batch-size", type=int, default=50)
    add("--learning-rate", type=float, default=4e-3)
    add("--weight-decay", type=float, default=1e-2)
    add("--step", type=float, default=0.1, help="step of the grid of search")
    return parser.parse_args()


if __name__ == "__main__":
    main()
