"""Format of the notebook, and a small run of all its cells."""

import json

import pytest

from tests.examples.running import EXAMPLES

PATH = EXAMPLES / "getting_started.ipynb"
SMALL = "PICTURES, EPOCHS, IMAGE_SIZE, PUBLISHED = 8, 1, (64, 64), False\n"


def code_cells():
    cells = json.loads(PATH.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def is_parameters(cell):
    return "parameters" in cell["metadata"].get("tags", ())


def test_is_valid():
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(PATH, as_version=4))


def test_is_small_and_was_run_in_order():
    assert PATH.stat().st_size < 200_000
    cells = code_cells()
    assert 10 <= len(cells) <= 14
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    text = PATH.read_text()
    assert '"output_type": "error"' not in text
    assert "/tmp/" not in text and "/home/" not in text
    # A batch, curves and detections.
    assert text.count('"image/jpeg"') == 3


def test_parameters_are_in_one_cell():
    (parameters,) = filter(is_parameters, code_cells())
    names = {}
    exec("".join(parameters["source"]), names)
    assert set(names) - {"__builtins__"} == {
        *("PICTURES", "EPOCHS", "IMAGE_SIZE", "FOLDER", "PUBLISHED")
    }
    assert names["PUBLISHED"] is False, "nothing is downloaded unasked"


# The notebook leaves images open.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorflow", reason="the notebook exports")
    pytest.importorskip("matplotlib", reason="the notebook draws curves")
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, cell in enumerate(code_cells(), 1):
        source = "".join(cell["source"])
        if is_parameters(cell):
            source += "\n" + SMALL
        exec(compile(source, f"{PATH.name}, cell {number}", "exec"), names)
    output = capsys.readouterr().out
    assert "8 images with" in output and "AP by size" in output
    assert len(names["found"]) == 4
    folder = tmp_path / "getting_started"
    assert (folder / "served" / "1" / "saved_model.pb").exists()
    assert {"run", "curves.png", "detector.keras"} <= {
        path.name for path in folder.iterdir()
    }
