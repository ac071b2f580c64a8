"""The program `keras-efficient`: its commands, and what they share."""

import inspect
import re
import sys

import typer

from keras_efficient.cli.exporting import export
from keras_efficient.cli.listing import list_models
from keras_efficient.cli.scaling import scale
from keras_efficient.export import ExportMismatchError

# Wrong files and options end with this, as do those that typer finds.
USAGE_ERROR = 2
# What was written is not what it should be.
FAILURE = 1

app = typer.Typer(
    help="EfficientNet and EfficientDet for Keras 3.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _program():
    """With a callback one command alone keeps its name."""


app.command()(export)
app.command("list")(list_models)
app.command()(scale)
_COMMANDS = (export, list_models, scale)


def main():
    """Runs the program; errors that users can mend are told in one line."""
    try:
        app()
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"keras-efficient: {_as_typed(error)}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    except ExportMismatchError as error:
        print(f"keras-efficient: {error}", file=sys.stderr)
        sys.exit(FAILURE)


def _as_typed(error):
    """What an error says, with options in place of Python's arguments."""
    names = {
        name
        for command in _COMMANDS
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
