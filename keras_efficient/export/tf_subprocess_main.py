"""The process that writes an export; started by `tf_subprocess`."""

import contextlib
import importlib
import json
import pathlib
import sys

import keras

from keras_efficient.export.formats.table import write_and_try
from keras_efficient.export.specs import spec_from_config
from keras_efficient.export.tf_subprocess import CHECK_FILE
from keras_efficient.export.tf_subprocess import MODEL_FILE
from keras_efficient.export.tf_subprocess import REPLY_FILE
from keras_efficient.export.tf_subprocess import REQUEST_FILE
from keras_efficient.export.verification.check import Check
from keras_efficient.export.verification.check import ExportMismatchError


def main(workspace: pathlib.Path) -> None:
    """Does what the request says, and leaves a reply beside it."""
    request = json.loads((workspace / REQUEST_FILE).read_text())
    reply = _export(workspace, request)
    (workspace / REPLY_FILE).write_text(json.dumps(reply))


def _export(workspace, request):
    for module in request["modules"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    try:
        # The file comes from the parent itself: code in it is the parent's.
        model = keras.saving.load_model(
            workspace / MODEL_FILE, compile=False, safe_mode=False
        )
    except (TypeError, ValueError) as error:
        return {"error": "load", "message": str(error)}
    check_file = workspace / CHECK_FILE
    try:
        return write_and_try(
            request["format"],
            model,
            spec_from_config(request["spec"]),
            pathlib.Path(request["path"]),
            request["settings"],
            Check.load(check_file) if check_file.exists() else None,
        )
    except ExportMismatchError as error:
        return {"error": "mismatch", "message": str(error)}


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
