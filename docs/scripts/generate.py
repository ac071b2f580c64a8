"""Generate the parts of the documentation that repeat the code.

    python docs/scripts/generate.py
    python docs/scripts/generate.py --check

Writes the tables of models in the README and `docs/models.md` (between
markers), the page of the command line and the API pages. With `--check`, files
are not written: those out of date are listed, and the exit status is 1 if there
are any.
"""

import argparse
import pathlib
import re
import sys

# The scripts are not a package. Tests load this file by its path, too.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import api_pages
import command_page
import model_tables

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TABLES = {
    "classifiers": model_tables.classifiers,
    "detectors": model_tables.detectors,
    "anchors": model_tables.anchors,
    "times": model_tables.times,
    "other networks": model_tables.other_networks,
}
# Pages whose tables are generated.
PAGES = ("README.md", "docs/models.md")
MARKED = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main():
    """Write the files that are out of date, or only list them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="list files that are out of date"
    )
    is_check = parser.parse_args().check
    for path in stale():
        print(f"{'stale' if is_check else 'written'}: {path}")
        if not is_check:
            file = REPOSITORY / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(generated()[path])
    sys.exit(is_check and bool(stale()))


def stale():
    """Return the files that are out of date.

    Returns:
        A list of paths relative to the repository.
    """
    return [
        path
        for path, text in generated().items()
        if not (REPOSITORY / path).exists()
        or (REPOSITORY / path).read_text() != text
    ]


def generated():
    """Generate all files.

    Returns:
        A dictionary from paths relative to the repository to texts.
    """
    files = {"docs/commands.md": command_page.page()}
    for name, text in api_pages.pages().items():
        files[f"docs/api/{name}.md"] = text
    for path in PAGES:
        text = (REPOSITORY / path).read_text()
        files[path] = MARKED.sub(_fill, text)
    return files


def _fill(match):
    return f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}"


if __name__ == "__main__":
    main()
