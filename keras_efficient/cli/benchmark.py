"""`keras-efficient benchmark`."""

import dataclasses
import json
import pathlib
import platform
import statistics
import time
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.atomic_writes import write_text
from keras_efficient.cli.loading import is_detector
from keras_efficient.cli.loading import load_model
from keras_efficient.cli.options import BackendOption
from keras_efficient.cli.options import Dtype
from keras_efficient.cli.options import DtypeOption
from keras_efficient.cli.progress import track

# Runs that are not timed, after the first one, which compiles.
WARM_UP = 2


@dataclasses.dataclass(frozen=True)
class Row:
    """Result of one model with one batch size.

    Attributes:
        model: Name of the model.
        parameters: Number of parameters.
        multiply_adds: Multiply-adds for one image.
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.
        batch_size: Number of images in a batch.
        first_seconds: Seconds of the first run, including compilation.
        milliseconds: Median for one image, of the fused network alone.
        slowest: Milliseconds for one image in the slowest run.
        whole_milliseconds: Median for one image including preprocessing and
            post-processing.
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
        typer.Argument(
            help="Names of models, .keras files, or run directories of `train`."
        ),
    ],
    batch_size: Annotated[
        list[int] | None,
        typer.Option(help="Batch size (default 1). Can be repeated."),
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="Number of timed runs, whose median is printed.")
    ] = 10,
    photo: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Image for the timing of all steps (default: random pixels)."
        ),
    ] = None,
    dtype: DtypeOption = Dtype.FLOAT32,
    json_file: Annotated[
        pathlib.Path | None,
        typer.Option("--json", help="Also write this JSON file."),
    ] = None,
    backend: BackendOption = None,
) -> None:
    """Measure the inference speed of models on this machine.

    keras-efficient benchmark EfficientDetD0 EfficientDetD1 --batch-size 1
    """
    sizes = batch_size or [1]
    if repeats < 1 or min(sizes) < 1:
        raise ValueError(
            "`repeats` and `batch_size` must be at least 1. Received: "
            f"repeats={repeats}, batch_size={min(sizes)}"
        )
    import keras

    if photo is None:
        image = _random_image()
    else:
        image = keras_efficient.data.load_image(photo)
    rows = []
    pairs = [(model, size) for model in models for size in sizes]
    networks = {}
    for name, size in track(pairs, len(pairs), "Measuring"):
        if name not in networks:
            # Speed does not depend on the weights: do not download them.
            is_name = not pathlib.Path(name).exists()
            networks = {name: load_model(name, "none" if is_name else None)}
        rows.append(
            measure(networks[name], name, size, repeats, image, dtype.argument)
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


def measure(
    network: Any,
    name: str,
    batch_size: int,
    repeats: int,
    image: Any,
    dtype: str | None,
) -> Row:
    """Time one model with one batch size."""
    import keras
    import numpy as np

    from keras_efficient.inference.model_images import images_of

    shape = network.input_shape[1:]
    if None in shape:
        raise ValueError(
            f"{name} accepts images of any size and cannot be timed. Build it "
            f"for one size. Received: a model with input shape {shape}"
        )
    is_first = images_of(network).is_channels_first
    inference = keras_efficient.inference
    predictor = inference.Predictor(network, dtype)
    batch = np.zeros((batch_size, *shape), "float32")

    def run():
        outputs = keras.tree.flatten(predictor(batch))
        return keras.ops.convert_to_numpy(outputs[0])

    predict = inference.detect if is_detector(network) else inference.classify
    images = [image] * batch_size

    def run_all():
        return predict(network, images, batch_size=batch_size, dtype=dtype)

    counting = keras_efficient.counting
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
    """Return the seconds of the first run and of the timed runs."""
    seconds = []
    for _ in range(1 + WARM_UP + repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1 + WARM_UP :]


def _random_image():
    """Return random pixels in the size of a photo."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), "uint8")


def _print_table(rows, where):
    import rich.box
    import rich.console
    import rich.table

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
        "Median for one image. ms: fused network; all: with preprocessing and\n"
        f"post-processing; start: first run, compilation included.\n{where}.",
        highlight=False,
        soft_wrap=True,
    )
