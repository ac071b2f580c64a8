"""`keras-efficient benchmark`."""

import dataclasses
import json
import pathlib
import platform
import statistics
import time
from typing import Annotated

import keras
import numpy as np
import rich.box
import rich.console
import rich.table
import typer

from keras_efficient import counting
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import Computing
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.progress import track
from keras_efficient.data.images import load_image
from keras_efficient.inference import Predictor
from keras_efficient.inference import classify
from keras_efficient.inference import detect
from keras_efficient.models.detector import Detector

# Runs that do not count, after the first, which compiles.
WARM_UP = 2


@dataclasses.dataclass(frozen=True)
class Row:
    """What one model cost with one size of batch.

    Attributes:
        model: Its name.
        parameters: How many it has.
        multiply_adds: What one image costs.
        height: Height of its images, in pixels.
        width: Width of its images, in pixels.
        batch_size: Images at once.
        first_seconds: The first run, with all that is compiled.
        milliseconds: Median for one image, of the fused network alone.
        slowest: Slowest run, milliseconds for one image.
        whole_milliseconds: Median for one image, from a file's pixels to
            named results.
    """

    model: str
    parameters: int
    multiply_adds: int
    height: int
    width: int
    batch_size: int
    first_seconds: float
    milliseconds: float
    slowest: float
    whole_milliseconds: float


def benchmark(
    models: Annotated[
        list[str],
        typer.Argument(help="Names, .keras files or folders of `train`."),
    ],
    batch_size: Annotated[
        list[int] | None,
        typer.Option(help="Images at once; may be given again. 1 by default."),
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="Runs that count; their median is shown.")
    ] = 10,
    photo: Annotated[
        pathlib.Path | None,
        typer.Option(help="The image of the last column; noise by default."),
    ] = None,
    dtype: DtypeOption = Computing.FLOAT32,
    json_file: Annotated[
        pathlib.Path | None,
        typer.Option("--json", help="Write a json file, too."),
    ] = None,
    backend: BackendOption = None,
):
    """Measures how fast models answer on this machine.

    keras-efficient benchmark EfficientDetD0 EfficientDetD1 --batch-size 1
    """
    sizes = batch_size or [1]
    if repeats < 1 or min(sizes) < 1:
        raise ValueError(
            "`repeats` and `batch_size` must be at least 1. Received: "
            f"repeats={repeats}, batch_size={min(sizes)}"
        )
    image = _noise() if photo is None else load_image(photo)
    rows = []
    pairs = [(model, size) for model in models for size in sizes]
    networks = {}
    for name, size in track(pairs, len(pairs), "Measuring"):
        if name not in networks:
            # Speed does not depend on what was learned: nothing is fetched.
            is_name = not pathlib.Path(name).exists()
            networks = {name: load_model(name, "none" if is_name else None)}
        rows.append(
            measure(networks[name], name, size, repeats, image, dtype.dtype)
        )
    where = (
        f"{keras.backend.backend()}, Keras {keras.__version__}, {dtype.value}, "
        f"{platform.machine()}"
    )
    _print_table(rows, where)
    if json_file is not None:
        content = {
            "where": where,
            "rows": [dataclasses.asdict(x) for x in rows],
        }
        write_text(json_file, json.dumps(content, indent=1))
        print(f"Written: {json_file}")


def measure(network, name, batch_size, repeats, image, dtype) -> Row:
    """Times one model with one size of batch."""
    shape = network.input_shape[1:]
    if None in shape:
        raise ValueError(
            f"{name} takes images of any size, and so has no one speed. "
            f"Received: a model for {shape}"
        )
    is_first = shape[0] == 3
    predictor = Predictor(network, dtype)
    batch = np.zeros((batch_size, *shape), "float32")

    def run():
        outputs = keras.tree.flatten(predictor(batch))
        return keras.ops.convert_to_numpy(outputs[0])

    answer = detect if isinstance(network, Detector) else classify
    images = [image] * batch_size

    def run_all():
        return answer(network, images, batch_size=batch_size, dtype=dtype)

    first, times = _times(run, repeats)
    _, whole = _times(run_all, repeats)
    each = 1000 / batch_size
    return Row(
        model=name,
        parameters=counting.count_parameters(network),
        multiply_adds=counting.count_multiply_adds(network),
        height=shape[1] if is_first else shape[0],
        width=shape[2] if is_first else shape[1],
        batch_size=batch_size,
        first_seconds=first,
        milliseconds=each * statistics.median(times),
        slowest=each * max(times),
        whole_milliseconds=each * statistics.median(whole),
    )


def _times(function, repeats):
    """Seconds of the first run, and of those that count."""
    seconds = []
    for _ in range(1 + WARM_UP + repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1 + WARM_UP :]


def _noise():
    """A photo's worth of pixels."""
    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), "uint8")


def _print_table(rows, where):
    table = rich.table.Table(
        box=rich.box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("model", no_wrap=True)
    for name in (
        "params", "MAdds", "input", "batch", "ms", "img/s", "all, ms", "start",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.model,
            f"{row.parameters / 1e6:.1f} M",
            f"{row.multiply_adds / 1e9:.2f} G",
            f"{row.height}x{row.width}",
            str(row.batch_size),
            f"{row.milliseconds:.1f}",
            f"{1000 / row.milliseconds:.0f}",
            f"{row.whole_milliseconds:.1f}",
            f"{row.first_seconds:.1f} s",
        )
    console = rich.console.Console()
    console.print(table)
    console.print(
        "Median for one image. ms: the fused network; all: from pixels to\n"
        f"named results; start: the first run. {where}.",
        highlight=False,
        soft_wrap=True,
    )
