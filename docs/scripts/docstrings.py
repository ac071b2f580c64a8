"""Extension of griffe that converts docstrings for mkdocstrings.

As in Keras, the content of `Example:` is not indented, so that griffe does not
recognize the section, and some sections, such as `Call arguments:`, are unknown
to griffe. The extension converts these sections to Markdown headings, lists and
code blocks.
"""

import re

import griffe

# Titles of the sections that are converted.
TITLE = re.compile(r"^(Call arguments|Examples?|References?|Returns):$")
NAMED = re.compile(r"^(\*{0,2}\w+): ")
INDENT = "    "


class Docstrings(griffe.Extension):
    """Extension that converts each docstring when griffe loads it."""

    def on_object(self, *, obj, loader, **kwargs):
        """Convert the docstring of one object.

        Args:
            obj: The `griffe.Object` that has the docstring.
            loader: The loader of griffe, not used.
            **kwargs: Further arguments of griffe, not used.
        """
        if obj.docstring is not None:
            obj.docstring.value = rewrite(obj.docstring.value)


def rewrite(text):
    """Convert a docstring to a form that griffe and Markdown support.

    Args:
        text: String, the docstring without common indentation.

    Returns:
        The converted docstring.
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
