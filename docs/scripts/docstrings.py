"""Readies this project's docstrings for mkdocstrings.

Keras' form has `Example:` and its siblings without indentation, which
griffe takes for text, and sections that griffe does not know. Here they become
headings with text, lists and blocks of code.
"""

import re

import griffe

# A section, up to the next line that is not indented.
TITLE = re.compile(r"^(Call arguments|Examples?|References?|Returns):$")
NAMED = re.compile(r"^(\*{0,2}\w+): ")
INDENT = "    "


class Docstrings(griffe.Extension):
    """Rewrites every docstring as it is read."""

    def on_object(self, *, obj, loader, **kwargs):
        """Changes one docstring.

        Args:
            obj: What has it.
            loader: Of griffe; not used.
            **kwargs: Of griffe; not used.
        """
        if obj.docstring is not None:
            obj.docstring.value = rewrite(obj.docstring.value)


def rewrite(text):
    """A docstring as griffe and Markdown understand it.

    Args:
        text: The docstring, without the indentation that all of it has.

    Returns:
        The same, for griffe.
    """
    lines = []
    section = None
    is_code = False
    for line in text.splitlines():
        if is_code and not line.strip():
            lines.append("```")
            is_code = False
        if line and not line.startswith(" "):
            section = None
        if section and not is_code:
            line = line.removeprefix(INDENT)
        if line.startswith(">>> ") and not is_code:
            lines += ["", "```pycon"]
            is_code = True
        title = TITLE.match(line)
        if title:
            section = title[1]
            line = f"**{section}:**"
        elif section == "Call arguments":
            line = NAMED.sub(r"- **`\1`** – ", line)
        lines.append(line)
        if title:
            lines.append("")
    return "\n".join(lines + ["```"] * is_code)
