"""The table of the compatibility matrix, from the results of its cells.

    python -m tests.compatibility.report .nox/compatibility

Each cell has a file `<Python>-<backend>-<versions>.json`. The table is printed
and written into `docs/compatibility.md`. The exit status is 1 if a cell failed.
"""

import argparse
import json
import pathlib
import re
import sys
from typing import Any

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
BACKENDS = ("tensorflow", "jax", "torch")
VERSIONS = ("lowest", "newest")
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "compatibility.md"
MARKED = re.compile(r"(<!-- tested versions -->\n).*?(<!-- end -->)", re.DOTALL)
# Packages whose versions are shown, besides the backend.
_SHOWN = ("keras", "numpy")
_TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def main(arguments: list[str] | None = None) -> int:
    """Print the table, and write it into the documentation.

    Args:
        arguments: Arguments of the command line. Defaults to `None`: those of
            the process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.compatibility.report"
    )
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, default=PAGE)
    options = parser.parse_args(arguments)
    results = read(options.results)
    text = table(results)
    print(text)
    page = options.page.read_text(encoding="utf-8")
    page = MARKED.sub(lambda found: f"{found[1]}{text}{found[2]}", page)
    options.page.write_text(page, encoding="utf-8")
    return int(any(x["status"] == "failed" for x in results.values()))


def read(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Return the results by the names of their cells.

    Args:
        folder: Folder of the files.

    Returns:
        A dict of names such as `"3.12-jax-lowest"` to results.
    """
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted(folder.glob("*.json"))
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the table of all cells, in Markdown.

    Args:
        results: Dict of the name of a cell to its result: `status`, `date`,
            and `reason` or `python` and `versions`.

    Returns:
        A string with a line for each cell.
    """
    lines = [
        "| Python | backend | versions | result | date |",
        "|---|---|---|---|---|",
    ]
    for python in PYTHONS:
        has_python = any(name.startswith(f"{python}-") for name in results)
        missing = "not run" if has_python else "not run: no interpreter"
        for backend in BACKENDS:
            for kind in VERSIONS:
                result = results.get(
                    f"{python}-{backend}-{kind}", {"status": missing}
                )
                cells = (
                    result.get("python", python),
                    _TITLES[backend],
                    _versions(kind, backend, result),
                    _outcome(result),
                    result.get("date", ""),
                )
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _versions(kind: str, backend: str, result: dict[str, Any]) -> str:
    versions = result.get("versions")
    if not versions:
        return kind
    names = (*_SHOWN, backend)
    return f"{kind}: " + ", ".join(f"{x} {versions[x]}" for x in names)


def _outcome(result: dict[str, Any]) -> str:
    reason = result.get("reason")
    if not reason:
        return result["status"]
    reason = " ".join(reason.split()).replace("|", "/")
    return f"{result['status']}: {reason}"


if __name__ == "__main__":
    sys.exit(main())
