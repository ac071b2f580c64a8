"""Code blocks in the README and the pages of the site."""

import pathlib
import re

REPOSITORY = pathlib.Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page, language):
    """Return pairs of the first line of a block and its text."""
    text = page.read_text()
    return [
        (text[: match.start()].count("\n") + 2, match[2])
        for match in FENCED.finditer(text)
        if match[1] == language
    ]


def names(paths):
    return [path.name for path in paths]


def commands(text):
    """Return shell commands, with continued lines joined, without comments."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"\s+# .*", "", line) for line in joined.splitlines())
    return [line.strip() for line in lines if line.strip()]
