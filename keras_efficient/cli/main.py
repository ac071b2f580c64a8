"""The program `keras-efficient`: its commands, and what they share."""

import inspect
import re
import sys

import typer

import keras_efficient
from keras_efficient import backend_option
from keras_efficient.cli.benchmarking import benchmark
from keras_efficient.cli.classifying import classify
from keras_efficient.cli.converting import convert
from keras_efficient.cli.detecting import detect
from keras_efficient.cli.evaluating import evaluate
from keras_efficient.cli.exporting import export
from keras_efficient.cli.listing import list_models
from keras_efficient.cli.options import FAILURE
from keras_efficient.cli.options import INTERRUPTED
from keras_efficient.cli.options import USAGE_ERROR
from keras_efficient.cli.scaling import scale
from keras_efficient.cli.training import train
from keras_efficient.export import ExportMismatchError

COMMANDS = {
    "detect": detect,
    "classify": classify,
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
    epilog="keras-efficient detect photos/ --model EfficientDetD0",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(is_asked):
    if is_asked:
        print(f"keras-efficient {keras_efficient.__version__}")
        raise typer.Exit()


@app.callback()
def _program(
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version, and end.",
        callback=_print_version,
        is_eager=True,
    ),
):
    """EfficientNet and EfficientDet for Keras 3."""


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main():
    """Runs the program; errors that users can mend are told in one line."""
    try:
        app(prog_name=backend_option.PROGRAM)
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"keras-efficient: {_as_typed(error)}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    except (ExportMismatchError, FloatingPointError) as error:
        print(f"keras-efficient: {error}", file=sys.stderr)
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _as_typed(error):
    """What an error says, with options in place of Python's arguments."""
    names = {
        name
        for command in COMMANDS.values()
        for name, parameter in inspect.signature(command).parameters.items()
        if _is_option(parameter)
    }

    def replace(match):
        option = f"--{match[1].replace('_', '-')}"
        return option if match[1] in names else match[0]

    return re.sub(r"`(\w+)(=True)?`", replace, str(error))


def _is_option(parameter):
    (information,) = parameter.annotation.__metadata__
    return isinstance(information, typer.models.OptionInfo)
