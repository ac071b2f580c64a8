"""Writing of `.weights.h5` files."""

import math

import keras

from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import check_free_space
from keras_efficient.types import PathLike

# Bytes of an HDF5 file besides its arrays, for each array.
OVERHEAD = 4096


def save_weights(model: keras.Model, path: PathLike) -> None:
    """Write the weights of a model, replacing an existing file at the end.

    Args:
        model: A `keras.Model`; the state of its optimizer is included.
        path: Path of a `.weights.h5` file.

    Raises:
        OSError: If the disk has too little free space. HDF5 would end the
            process.
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *getattr(optimizer, "variables", ())]
    # Variables have at most 32 bits.
    size = sum(4 * math.prod(variable.shape) for variable in variables)
    check_free_space(path, size + OVERHEAD * len(variables))
    with atomic_file(path) as temporary:
        model.save_weights(temporary)
