"""Read checkpoints of Keras, TensorFlow, PyTorch and NumPy into models.

`load_checkpoint` works in four steps:

1. *Read* named arrays. `file_formats` recognizes the format by the content of
   the file and calls the module of `readers` for it.
2. *Match* them with the variables of the model. `naming.identification`
   recognizes the library by its names, its scheme (`naming.*_schemes`)
   translates them into the canonical names of `naming.variable_names`, and
   `matching` compares shapes.
3. *Check* the match, the values and the settings of the model, before
   anything is changed.
4. *Assign*.

To add a file format, write one module in `readers` with two functions, one
that recognizes a file and one that returns its arrays by name, and add one row
to `file_formats.FORMATS`. To add a library with other names, add one scheme to
the tables of schemes and one row to `naming.identification.SOURCES`.
"""

from keras_efficient.converters.file_formats import read_checkpoint
from keras_efficient.converters.inspection import CheckpointInfo
from keras_efficient.converters.inspection import inspect_checkpoint
from keras_efficient.converters.loading import load_checkpoint
from keras_efficient.converters.report import LoadReport

__all__ = [
    "CheckpointInfo",
    "LoadReport",
    "inspect_checkpoint",
    "load_checkpoint",
    "read_checkpoint",
]
