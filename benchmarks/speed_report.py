"""Write tables and a plot of the measurements of `speed.py`."""

import pathlib
import platform

DOCS = pathlib.Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
TITLES = {
    "inference": "Inference",
    "training": "Training step (SGD; data, loss and optimizer included)",
    "detect": "`detect` from a JPEG file, and its network alone",
    "growth": "From D0 to D7x, batch 1, PyTorch",
}
# References of the ratios, in order of preference.
REFERENCES = ("timm", "effdet", "keras.applications", "network")


def write(rows):
    """Write the tables to `docs/results.md` and the plot beside it."""
    lines = [BEGIN, ""]
    for task, title in TITLES.items():
        chosen = [row for row in rows if row["task"] == task]
        if chosen:
            table = _growth if task == "growth" else _table
            lines += [f"### {title}", "", *table(chosen), ""]
    dates = sorted({row["date"] for row in rows})
    lines += [
        f"Measured {' and '.join(dates)} on {platform.machine()}, two cores, "
        "by `benchmarks/speed.py`. Median of the rounds, with the minimum and "
        "the maximum in parentheses; the ratio compares the medians.",
        "",
        END,
    ]
    path = DOCS / "results.md"
    text = path.read_text()
    head, rest = text.split(BEGIN)
    path.write_text(head + "\n".join(lines) + rest.split(END)[1])
    _plot(rows, DOCS / "images" / "speed.png")


def _table(rows):
    lines = [
        "| model | batch | backend | network | ms | ratio to |",
        "|---|---|---|---|---|---|",
    ]
    groups = {}
    for row in rows:
        key = (row["model"], row["batch"], row["size"])
        groups.setdefault(key, []).append(row)
    for (model, batch, size), group in groups.items():
        model = f"{model} at {size}" if size else model
        for row in sorted(group, key=lambda x: x["median"]):
            low, high = 1000 * row["least"], 1000 * row["most"]
            lines.append(
                f"| {model} | {batch} | {row['process']} | {row['name']} | "
                f"{1000 * row['median']:.1f} ({low:.1f} to {high:.1f}) | "
                f"{_ratio(row, group)} |"
            )
    return lines


def _growth(rows):
    """Return the table of times and multiply-adds, relative to D0."""
    import keras_efficient
    from keras_efficient import counting

    lines = [
        "| model | multiply-adds | of D0's | ours, ms | of D0's | effdet, ms | "
        "of D0's | ours / effdet |",
        "|---|---|---|---|---|---|---|---|",
    ]
    times = {(row["model"], row["name"]): 1000 * row["median"] for row in rows}
    counts = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        build = getattr(keras_efficient, f"EfficientDet{model}")
        network = build(weights=None, backbone_weights=None)
        counts[model] = counting.count_multiply_adds(network) / 1e9
        ours, peer = times[model, "ours"], times[model, "effdet"]
        lines.append(
            f"| {model} | {counts[model]:.1f} G | "
            f"{counts[model] / counts['D0']:.1f} | {ours:.0f} | "
            f"{ours / times['D0', 'ours']:.1f} | {peer:.0f} | "
            f"{peer / times['D0', 'effdet']:.1f} | {ours / peer:.2f} |"
        )
    return lines


def _ratio(row, group):
    """Return the ratio to the reference on the same backend."""
    for name in REFERENCES:
        for other in group:
            same = other["process"] == row["process"]
            if same and other["name"] == name and other is not row:
                return f"{row['median'] / other['median']:.2f} {name}"
    return ""


def _plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in rows if row["task"] == "inference"]
    panels = sorted({(row["model"], row["batch"]) for row in rows})
    if not panels:
        return
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(5.2 * len(panels), 5.2), squeeze=False
    )
    for axis, (model, batch) in zip(axes[0], panels, strict=True):
        group = [r for r in rows if (r["model"], r["batch"]) == (model, batch)]
        group.sort(key=lambda row: -row["median"])
        times = [1000 * row["median"] for row in group]
        names = [f"{row['name']} ({row['process']})" for row in group]
        colors = [
            "#d1495b" if "ours" in row["name"] else "#8d99ae" for row in group
        ]
        bars = axis.barh(names, times, color=colors)
        axis.bar_label(bars, [f"{x:.0f}" for x in times], padding=3, size=8)
        axis.set_title(f"{model}, batch {batch}")
        axis.set_xlabel("ms (less is better)")
        axis.set_xlim(0, 1.12 * max(times))
        axis.tick_params(axis="y", labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
