"""Generation of the command line page from the program."""

import enum

import typer

from keras_efficient.cli.main import app

PROGRAM = "keras-efficient"
HEAD = """\
# Command line

<!-- Written by docs/scripts/generate.py. -->

`keras-efficient` is installed with the package. Each command calls a function
of the library with the same defaults. Invalid input produces a one-line error
and exit status 2. The exit status is 1 if the work failed or was completed in
part, and 130 after Ctrl-C. Downloads are announced before they start.

"""


def page():
    """Return the Markdown page of all commands, examples and options."""
    group = typer.main.get_command(app)
    names = "".join(
        f"| [`{name}`](#{name}) | {_paragraphs(command)[0]} |\n"
        for name, command in group.commands.items()
    )
    table = f"| command | description |\n|---|---|\n{names}"
    sections = map(_section, *zip(*group.commands.items(), strict=True))
    return HEAD + table + "".join(sections)


def _section(name, command):
    parts = [f"\n## {name}\n"]
    for paragraph in _paragraphs(command):
        if paragraph.startswith(PROGRAM):
            paragraph = f"```shell\n{paragraph}\n```"
        parts.append(f"\n{paragraph}\n")
    rows = [_row(x) for x in command.params if not getattr(x, "hidden", False)]
    parts.append("\n| | default | |\n|---|---|---|\n")
    return "".join(parts + rows)


def _paragraphs(command):
    return [part.strip() for part in command.help.split("\n\n")]


def _row(parameter):
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        options = [*parameter.opts, *parameter.secondary_opts]
        name = ", ".join(f"`{option}`" for option in options)
    explained = [parameter.help or "", _choices(parameter)]
    text = " ".join(filter(None, explained))
    # Placeholders such as <height> are not HTML tags.
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return f"| {name} | {_default(parameter)} | {text} |\n"


def _choices(parameter):
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        values = ", ".join(f"`{member.value}`" for member in annotation)
        return f"One of {values}."
    return ""


def _default(parameter):
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value == "" or value is False:
        return ""
    if isinstance(value, enum.Enum):
        value = value.value
    if value is True:
        value = parameter.opts[0]
    return f"`{value}`"
