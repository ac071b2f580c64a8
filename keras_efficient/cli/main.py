"""The program `keras-efficient`: its commands and the handling of errors.

No error prints a traceback, unless the environment variable
`KERAS_EFFICIENT_DEBUG` is set.
"""

import csv
import functools
import inspect
import lzma
import os
import pickle
import re
import struct
import sys
import tarfile
import xml.etree.ElementTree
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import typer

import keras_efficient
from keras_efficient.cli.backend import PROGRAM
from keras_efficient.cli.backend import select_backend
from keras_efficient.cli.benchmark import benchmark
from keras_efficient.cli.check import check
from keras_efficient.cli.classify import classify
from keras_efficient.cli.convert import convert
from keras_efficient.cli.detect import detect
from keras_efficient.cli.evaluate import evaluate
from keras_efficient.cli.export import export
from keras_efficient.cli.list_models import list_models
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import USAGE_ERROR
from keras_efficient.cli.scale import scale
from keras_efficient.cli.train import train
from keras_efficient.log import standard_output_only

DEBUG_VARIABLE = "KERAS_EFFICIENT_DEBUG"
# Errors of invalid input whose messages say what to do.
_USAGE_ERRORS = (ImportError, OSError, TypeError, ValueError)


class _ShortFileError(Exception):
    """A file ends too early."""


# Errors of libraries that read a damaged file.
_FILE_ERRORS = (
    _ShortFileError,
    csv.Error,
    lzma.LZMAError,
    OverflowError,
    pickle.UnpicklingError,
    RecursionError,
    struct.error,
    tarfile.TarError,
    xml.etree.ElementTree.ParseError,
    zipfile.BadZipFile,
    zlib.error,
)
# The same of libraries that are imported when they are needed.
_LAZY_FILE_ERRORS = (
    ("PIL.Image", "DecompressionBombError"),
    ("yaml", "YAMLError"),
)
# The work failed, not the program.
_LAZY_FAILURES = (
    ("keras_efficient.export.errors", "ExportMismatchError"),
    ("keras_efficient.export.errors", "ExportProcessError"),
)

COMMANDS: dict[str, Callable] = {
    "detect": detect,
    "classify": classify,
    "check": check,
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "convert": convert,
    "list": list_models,
    "benchmark": benchmark,
    "scale": scale,
}

app = typer.Typer(
    help="EfficientNet and EfficientDet for Keras 3.",
    epilog="Example: keras-efficient detect photos/ --model EfficientDetD0",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"{PROGRAM} {keras_efficient.__version__}")
        raise typer.Exit()


@app.callback()
def _program(
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and exit.",
        callback=_print_version,
        is_eager=True,
    ),
) -> None:
    """EfficientNet and EfficientDet for Keras 3."""


def _refusing_short_files(command: Callable) -> Callable:
    """Return a command without `EOFError`, which typer prints as "Aborted!"."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except EOFError as error:
            raise _ShortFileError(str(error)) from error

    return run


for _name, _command in COMMANDS.items():
    app.command(_name)(_refusing_short_files(_command))


def main() -> None:
    """Run the program. Errors are one-line messages, without a traceback."""
    try:
        select_backend(sys.argv[1:])
        with standard_output_only():
            app(prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        status, message = _explain(error)
        print(f"{PROGRAM}: {_printable(message)}", file=sys.stderr)
        sys.exit(status)


def _explain(error: Exception) -> tuple[int, str]:
    """Return the exit status and the message for an error."""
    name = type(error).__name__.removeprefix("_")
    if isinstance(error, _USAGE_ERRORS):
        return USAGE_ERROR, _with_options(error) or name
    if isinstance(error, MemoryError):
        return USAGE_ERROR, (
            f"There is not enough memory ({_first_line(error)}). Close other "
            "programs, or use a smaller batch, model or file."
        )
    if isinstance(error, (*_FILE_ERRORS, *_imported(_LAZY_FILE_ERRORS))):
        return USAGE_ERROR, (
            f"A file is damaged or not of the expected kind: {name}: "
            f"{_first_line(error)}. Set {DEBUG_VARIABLE}=1 to see where it is "
            "read."
        )
    if isinstance(error, (FloatingPointError, *_imported(_LAZY_FAILURES))):
        return FAILURE, str(error)
    return FAILURE, (
        f"Unexpected {name}: {_first_line(error)}. Set {DEBUG_VARIABLE}=1 to "
        "see the traceback, and report it if the input is valid."
    )


def _imported(names: tuple[tuple[str, str], ...]) -> tuple[type, ...]:
    """Return exceptions of those modules that have been imported."""
    found = ((sys.modules.get(module), name) for module, name in names)
    return tuple(getattr(module, name) for module, name in found if module)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".") for line in lines if line), "no details")


def _printable(text: str) -> str:
    """Return text without commands to the terminal, such as in file names."""
    return "".join(
        x if x.isprintable() or x == "\n" else repr(x)[1:-1] for x in text
    )


def _with_options(error: Exception) -> str:
    """Return a message with options in place of the names of arguments."""
    names = {
        name
        for command in COMMANDS.values()
        for name, parameter in inspect.signature(command).parameters.items()
        if _is_option(parameter)
    }

    def replace(match: re.Match) -> str:
        option = f"--{match[1].replace('_', '-')}"
        if match[1] not in names:
            return match[0]
        return f"{option} none" if match[2] == "=None" else option

    return re.sub(r"`(\w+)(=True|=None)?`", replace, str(error))


def _is_option(parameter: inspect.Parameter) -> bool:
    (information,) = parameter.annotation.__metadata__
    return isinstance(information, typer.models.OptionInfo)
