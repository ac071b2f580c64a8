"""Picture of the stages of a network."""

import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import counting
from keras_efficient.plotting import new_axes
from keras_efficient.plotting import patches
from keras_efficient.types import Axes
from keras_efficient.types import PathLike

_COLORS = {
    "conv": "#bee3f8",
    "block": "#fefcbf",
    "head": "#c6f6d5",
    "network": "#fed7d7",
}
_HEIGHT = 0.72
# Left edges of the columns, as fractions of the width.
_COLUMNS = (0.02, 0.28, 0.35, 0.56, 0.79)
# Names of layers that belong to a block, and the papers' term for the block.
_BLOCKS = (
    (re.compile(r"block\d+[a-z]+"), "MBConv"),
    (re.compile(r"expanded_conv|block_\d+"), "inverted residual"),
    (re.compile(r"conv_(?:dw|pw)_(?P<number>\d+)"), "depthwise separable"),
    (re.compile(r"conv\d+_block\d+"), "bottleneck"),
    (re.compile(r"(?:bi|nas_)?fpn_\d+|panet_\d+"), "feature network"),
)


@dataclasses.dataclass
class Stage:
    """One stage of a network.

    Attributes:
        name: String, such as `"MBConv6, 3×3"`.
        kind: `"conv"`, `"block"`, `"head"` or `"network"`.
        details: String, the shape of the output or the parts of the stage.
        height: Integer, height of the output in pixels; or `None`.
        blocks: Names of the blocks.
        parameters: Number of parameters.
        multiply_adds: Number of multiply-adds for one image.
    """

    name: str
    kind: str
    details: str = ""
    height: int | None = None
    blocks: list[str] = dataclasses.field(default_factory=list)
    parameters: int = 0
    multiply_adds: int = 0

    @property
    def repeats(self) -> int:
        """Number of blocks."""
        return len(self.blocks)


def plot_stages(
    model: keras.Model, ax: Axes | None = None, path: PathLike | None = None
) -> Axes:
    """Draw the stages of a network with the cost of each stage.

    Each row is a stage: its blocks, its stride (including a pooling before
    it), height, width and filters of its output, and bars for its fraction of
    the parameters and multiply-adds. In an `EfficientDet` the feature network
    and the heads follow the backbone; `plot_feature_network` draws the nodes
    of the feature network.

    Args:
        model: An `EfficientNet`, `MobileNetV1`, `MobileNetV2`, `ResNet50` or
            `EfficientDet` with a fixed image size.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`: those of
            a new figure without a window.
        path: File to save the picture to. Defaults to `None`.

    Returns:
        The `matplotlib.axes.Axes`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the model accepts images of any size.

    Example:
    >>> model = keras_efficient.EfficientNetB0(weights=None)
    >>> ax = keras_efficient.visualization.plot_stages(model)
    """
    rectangle = patches().Rectangle
    if None in model.input_shape[1:]:
        raise ValueError(
            "The model must have a fixed image size: build it with "
            "`input_shape`, such as (224, 224, 3), instead of images of any "
            f"size. Received: a model with input_shape={model.input_shape}"
        )
    rows = describe_stages(model)
    if ax is None:
        ax = new_axes((10.5, 0.42 * len(rows) + 1.3))
    totals = [
        max(1, sum(getattr(row, name) for row in rows))
        for name in ("parameters", "multiply_adds")
    ]
    height = _height(model.input_shape[1:], _is_channels_first(model))
    for place, row in enumerate(rows):
        stride = ""
        if height is not None and row.height is not None:
            stride = f"{round(height / row.height)}"
        height = row.height or height
        _draw_row(ax, rectangle, -place, row, stride, totals)
    heads = ("stage", "stride", "output", "parameters", "multiply-adds")
    for x, text in zip(_COLUMNS, heads, strict=True):
        ax.text(x, 0.85, text, va="center", fontweight="bold")
    ax.set_xlim(0, 1)
    ax.set_ylim(-len(rows) + 0.4, 1.9)
    ax.axis("off")
    parameters, multiply_adds = totals
    ax.set_title(
        f"{model.name}: {parameters / 1e6:.1f} M parameters, "
        f"{multiply_adds / 1e9:.2f} G multiply-adds"
    )
    if path is not None:
        ax.figure.savefig(path, dpi=120, bbox_inches="tight")
    return ax


def _draw_row(
    ax: Axes,
    rectangle: Any,
    y: float,
    row: Stage,
    stride: str,
    totals: Sequence[int],
) -> None:
    ax.add_patch(
        rectangle(
            (0, y - _HEIGHT / 2),
            _COLUMNS[3] - 0.02,
            _HEIGHT,
            facecolor=_COLORS[row.kind],
            edgecolor="#4a5568",
            linewidth=0.8,
        )
    )
    times = f"  × {row.repeats}" if row.repeats > 1 else ""
    texts = (f"{row.name}{times}", stride, row.details)
    for x, text in zip(_COLUMNS, texts, strict=False):
        ax.text(x, y, text, va="center", fontsize=9)
    for left, value, total in zip(
        _COLUMNS[3:], (row.parameters, row.multiply_adds), totals, strict=True
    ):
        share = value / total
        ax.add_patch(
            rectangle(
                (left, y - 0.25),
                0.13 * share,
                0.5,
                facecolor="#4299e1",
                edgecolor="none",
            )
        )
        # To the right of the bar.
        text = f"{share:.1%}"
        ax.text(left + 0.13 * share + 0.008, y, text, va="center", fontsize=8.5)


def describe_stages(model: keras.Model) -> list[Stage]:
    """Return the stages of a network, in order.

    Consecutive blocks of one kind and output size form one stage.

    Args:
        model: A model; see `plot_stages`.

    Returns:
        A list of `Stage`. Their parameters and multiply-adds sum to those of
        the model.
    """
    counts = [
        _by_top_layer(count(model, by_layer=True))
        for count in (counting.count_parameters, counting.count_multiply_adds)
    ]
    rows: list[Stage] = []
    is_first = _is_channels_first(model)
    for layer, part in _layers(model):
        costs = [count.get(layer.name, 0) for count in counts]
        block, kind, name = _block_of(layer, part)
        details, height = _shape(layer, part, is_first)
        last = rows[-1] if rows else None
        if (
            block is not None
            and last is not None
            and last.blocks[-1:] == [block]
        ):
            # The last layer of a block returns its output.
            last.details, last.height = details, height
        elif not any(costs):
            continue
        elif (
            last is not None
            and (kind, name) == (last.kind, last.name)
            and details == last.details
            and block is not None
        ):
            last.blocks.append(block)
        elif block is None and last is not None and last.kind == kind == "conv":
            last.details, last.height = details, height
        else:
            blocks = [] if block is None else [block]
            rows.append(Stage(name, kind, details, height, blocks))
        rows[-1].parameters += costs[0]
        rows[-1].multiply_adds += costs[1]
    return _merged(rows)


def _layers(model: Any) -> list[tuple[Any, str]]:
    """Return the layers, each with the part of the model it belongs to."""
    if not hasattr(model, "feature_network"):
        return [(layer, "network") for layer in model.layers]
    layers = [(layer, "network") for layer in model.backbone.layers]
    layers += [(x, "features") for x in model.feature_network.layers]
    return layers + [(model.class_head, "head"), (model.box_head, "head")]


def _by_top_layer(counts: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for path, count in counts.items():
        name = path.split("/")[0]
        total[name] = total.get(name, 0) + count
    return total


def _block_of(layer: Any, part: str) -> tuple[str | None, str, str]:
    """Return the name of the block, and kind and name of its stage."""
    if part == "head":
        return None, "head", layer.name.replace("_", " ")
    for pattern, name in _BLOCKS:
        found = pattern.match(layer.name)
        if found is None:
            continue
        block = found.groupdict().get("number") or found[0]
        if hasattr(layer, "expand_ratio"):
            size = layer.kernel_size
            name = f"{name}{layer.expand_ratio}, {size}×{size}"
        if part == "features":
            name = type(layer).__name__.removesuffix("Layer")
            return block, "network", f"{name}, {len(layer.nodes)} nodes"
        return block, "block", name
    if part == "features":
        return None, "network", layer.name.replace("_", " ")
    if isinstance(layer, keras.layers.Dense):
        return None, "head", "classifier"
    return None, "conv", "convolution"


def _shape(
    layer: Any, part: str, is_channels_first: bool
) -> tuple[str, int | None]:
    """Return height, width and filters of the output, and the height."""
    if part == "head":
        return f"{layer.repeats} convolutions of {layer.filters}", None
    shapes = [tuple(x.shape)[1:] for x in keras.tree.flatten(layer.output)]
    if is_channels_first:
        shapes = [(*shape[1:], shape[0]) for shape in shapes]
    if len(shapes) > 1:
        return f"{len(shapes)} levels of {shapes[0][-1]}", None
    (shape,) = shapes
    return " × ".join(map(str, shape)), _height(shape, False)


def _height(shape: Sequence[int], is_channels_first: bool) -> int | None:
    return shape[1 if is_channels_first else 0] if len(shape) == 3 else None


def _is_channels_first(model: keras.Model) -> bool:
    formats = (getattr(x, "data_format", None) for x, _ in _layers(model))
    return "channels_first" in formats


def _merged(rows: Sequence[Stage]) -> list[Stage]:
    """Merge consecutive stages of one kind, name and size."""
    merged: list[Stage] = []
    for row in rows:
        last = merged[-1] if merged else None
        if (
            last is not None
            and row.blocks
            and (
                (last.kind, last.name, last.details)
                == (row.kind, row.name, row.details)
            )
        ):
            last.blocks += row.blocks
            last.parameters += row.parameters
            last.multiply_adds += row.multiply_adds
        else:
            merged.append(row)
    return merged
