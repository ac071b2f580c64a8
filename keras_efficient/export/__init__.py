"""Export of trained models to formats for serving and devices.

`saved_model`, `onnx`, `litert` and `openvino` write a model together with its
preprocessing and post-processing, and compare what they wrote with the model.
`load` runs an export in its own runtime.

The subpackages are:

- `graph`: the TensorFlow graph around the network, from which every format is
  converted;
- `formats`: one module or subpackage for each format;
- `verification`: the comparison of an export with its model.

`api` holds the public functions and `pipeline` the steps of an export: `specs`
describes the model, `verification.expected_outputs` runs it, the format writes
and reads the export (in a child process with TensorFlow if the backend is
another one, see `tf_subprocess`), `verification.comparison` compares, and the
finished file or folder is renamed.

To add a format:

1. Subclass `formats.export_format.ExportFormat` in a new module of `formats`.
   State its `name`, `precisions` and `packages`, and implement `write`, `read`,
   `read_metadata` and `recognizes`. `write` gets the network and a
   `ExportSettings`; `graph.signatures` has the functions to convert.
2. Add an instance to the table `formats.table.FORMATS`.
3. Add a function to `api` that passes its arguments to `pipeline.run_export`.

Verification, atomic writing, metadata, the child process and `load` then work
without changes. Add the format to the tests in `tests/export/test_formats.py`,
which run for every row of the table.
"""

from keras_efficient.export.api import litert
from keras_efficient.export.api import onnx
from keras_efficient.export.api import openvino
from keras_efficient.export.api import saved_model
from keras_efficient.export.errors import ExportMismatchError
from keras_efficient.export.exported_model import ExportedModel
from keras_efficient.export.exported_model import load

__all__ = [
    "ExportMismatchError",
    "ExportedModel",
    "litert",
    "load",
    "onnx",
    "openvino",
    "saved_model",
]
