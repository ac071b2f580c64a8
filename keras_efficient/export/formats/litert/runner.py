"""LiteRT files as functions of NumPy arrays."""

import os
import pathlib
from typing import Any

import numpy as np

from keras_efficient.export.formats.export_format import Outputs
from keras_efficient.export.formats.export_format import SignatureFunction
from keras_efficient.export.formats.export_format import run_in_batches
from keras_efficient.export.formats.litert import integers
from keras_efficient.export.formats.litert import mediapipe

# The only signature of a file.
SIGNATURE = "images"


def read(path: pathlib.Path) -> dict[str, SignatureFunction]:
    """See `ExportFormat.read`.

    Integers are converted from and to the numbers they stand for.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    runner = interpreter.get_signature_runner(SIGNATURE)
    (details,) = runner.get_input_details().values()
    output_details = runner.get_output_details()
    batch_size, *size = (int(side) for side in details["shape"][:3])

    # The default keeps the interpreter, which owns the runner's memory.
    def run_batch(images: np.ndarray, owner: Any = interpreter) -> Outputs:
        outputs = {
            name: integers.to_floats(x, output_details[name])
            for name, x in runner(
                images=integers.to_integers(images, details)
            ).items()
        }
        if set(outputs) == set(mediapipe.OUTPUTS):
            return mediapipe.to_rows(outputs, (size[0], size[1]))
        return outputs

    def run(images: np.ndarray) -> Outputs:
        return run_in_batches(run_batch, images, batch_size)

    # Only files with all steps accept the pixels of images as they are.
    scale, _ = details["quantization"]
    is_complete = details["dtype"] == np.uint8 and not scale
    return {"images" if is_complete else "raw": run}
