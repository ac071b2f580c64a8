"""The table of the compatibility matrix."""

import json
import pathlib
import re

import pytest

from tests.compatibility import report
from tests.marks import on_one_backend

pytestmark = on_one_backend

REPOSITORY = pathlib.Path(__file__).parents[2]


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "before\n<!-- tested versions -->\nold\n<!-- end -->\nafter\n"
    )
    return path


def write(folder, name, **result):
    path = folder / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"date": "2026-11-28", **result}))


def run(folder, page):
    return report.main([str(folder / "results"), "--page", str(page)])


def row(page, start):
    (found,) = (x for x in page.read_text().splitlines() if x.startswith(start))
    return found


def test_rows(tmp_path, page):
    versions = {"keras": "3.15.0", "numpy": "1.26.0", "jax": "0.7.0"}
    write(
        tmp_path,
        "3.12-jax-lowest",
        status="passed",
        reason=None,
        python="3.12.1",
        versions=versions,
    )
    write(
        tmp_path,
        "3.12-tensorflow-newest",
        status="not available",
        reason="no\n wheel | here",
    )
    assert run(tmp_path, page) == 0
    assert row(page, "| 3.12.1 |") == (
        "| 3.12.1 | JAX | lowest: keras 3.15.0, numpy 1.26.0, jax 0.7.0 | "
        "passed | 2026-11-28 |"
    )
    assert "| not available: no wheel / here |" in row(
        page, "| 3.12 | TensorFlow | newest"
    )
    assert row(page, "| 3.12 | JAX | newest").endswith("| not run |  |")
    assert "| not run: no interpreter |" in row(page, "| 3.14 | JAX | lowest")
    assert "old" not in page.read_text()
    # Written again, the page is the same.
    before = page.read_text()
    run(tmp_path, page)
    assert page.read_text() == before


def test_failure_is_the_exit_status(tmp_path, page):
    write(tmp_path, "3.11-jax-lowest", status="failed", reason="TypeError: x")
    assert run(tmp_path, page) == 1
    assert "| failed: TypeError: x |" in page.read_text()


def test_matrix_contains_the_stated_versions_of_python():
    text = (REPOSITORY / "pyproject.toml").read_text()
    stated = re.findall(r"Python :: (\d\.\d+)\"", text)
    assert stated and set(stated) <= set(report.PYTHONS)


def test_documentation_has_a_place_for_the_table():
    assert report.MARKED.search(report.PAGE.read_text())
