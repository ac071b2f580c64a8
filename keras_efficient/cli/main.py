"""The program `keras-efficient`: its commands and the handling of errors."""

import inspect
import re
import sys
from collections.abc import Callable

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


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the program. Invalid input produces a one-line error."""
    select_backend(sys.argv[1:])
    try:
        with standard_output_only():
            app(prog_name=PROGRAM)
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"{PROGRAM}: {_with_options(error)}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if not _is_failure(error):
            raise
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(FAILURE)


def _is_failure(error: Exception) -> bool:
    """Return whether the work failed, as opposed to the program."""
    export = sys.modules.get("keras_efficient.export")
    mismatch = () if export is None else (export.ExportMismatchError,)
    return isinstance(error, (FloatingPointError, *mismatch))


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
