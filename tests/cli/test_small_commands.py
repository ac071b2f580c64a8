"""The commands `list` and `scale`, and common behavior of all commands."""

import inspect
import json

import pytest
import typer

import keras_efficient
from keras_efficient import counting
from keras_efficient import variants
from keras_efficient import weights
from keras_efficient.cli import main
from keras_efficient.cli.downloads import announce
from tests.cli.program import run
from tests.marks import on_one_backend

pytestmark = on_one_backend


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_help_with_an_example(name, monkeypatch, capsys):
    assert run(monkeypatch, name, "--help") == 0
    text = capsys.readouterr().out
    assert f"keras-efficient {name} " in text
    assert "--backend" in text


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_option_has_help(name):
    for parameter in typer.main.get_command(main.app).commands[name].params:
        assert parameter.help, parameter.name
    assert inspect.getdoc(main.COMMANDS[name])


def test_examples_in_help_are_valid_commands():
    program = typer.main.get_command(main.app)
    for name, command in main.COMMANDS.items():
        example = inspect.getdoc(command).split("\n")[-1].split()
        assert example[:2] == ["keras-efficient", name]
        program.commands[name].make_context(name, example[2:])


def test_version_and_no_command(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    assert keras_efficient.__version__ in capsys.readouterr().out
    assert run(monkeypatch) == 2
    assert "Usage: keras-efficient" in capsys.readouterr().err
    assert run(monkeypatch, "detekt") == 2


def test_ctrl_c_has_status_130(monkeypatch):
    def broken_off(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "tags", broken_off)
    assert run(monkeypatch, "list", "B0") == main.INTERRUPTED


def test_list_as_json(monkeypatch, capsys):
    assert run(monkeypatch, "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == (8 + 5) + 3 + (9 + 6)
    (row,) = [row for row in rows if row["model"] == "EfficientDetD7x"]
    assert row["parameters"] == 77_147_166 and row["input"] == 1536
    (coco,) = [x for x in row["weights"] if x["name"] == "coco"]
    assert (coco["measure"], coco["reported"]) == ("AP", 55.1)
    assert not coco["in_cache"]


def test_list_as_a_table(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("KERAS_EFFICIENT_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    file = weights.find("EfficientNetB0", "noisy-student")[0].file_name
    (tmp_path / file).touch()
    assert run(monkeypatch, "list", "netb0") == 0
    text = capsys.readouterr().out
    assert "5.3 M" in text and "0.39 G" in text and "224" in text
    words = " ".join(text.split())
    assert "imagenet 77.1," in words and "noisy-student 78.8*" in words
    assert "EfficientNetB1" not in text
    assert run(monkeypatch, "list", "zzz") == 2


def test_scale_by_phi(monkeypatch, capsys):
    assert run(monkeypatch, "scale", "--phi", "1", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["depth"], row["width"]) == (1.2, 1.1)
    assert row["resolution"] == round(224 * 1.15)
    model = keras_efficient.EfficientNet(
        width_coefficient=1.1, depth_coefficient=1.2, resolution=258
    )
    assert row["parameters"] == counting.count_parameters(model)


def test_scale_to_a_budget(monkeypatch, capsys):
    arguments = ("--network", "MobileNetV2", "--multiply-adds", "2e8")
    assert run(monkeypatch, "scale", *arguments, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["phi"] < 0 and 1.8e8 < row["multiply_adds"] <= 2e8


def test_scale_a_detector(monkeypatch, capsys):
    assert run(monkeypatch, "scale", "--phi", "0", "--network", "EfficientDet")\
        == 0  # fmt: skip
    lines = dict(
        line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines()
    )
    row = variants.EFFICIENTDET_VARIANTS["EfficientDetD0"]
    assert lines["parameters"] == f"{row.parameters:,}"
    assert lines["fpn repeats"] == "3" and lines["resolution"] == "512"


@pytest.mark.parametrize(
    "arguments", [(), ("--phi", "1", "--parameters", "1e6")]
)
def test_scale_requires_phi_or_a_budget(monkeypatch, capsys, arguments):
    assert run(monkeypatch, "scale", *arguments) == 2
    assert "either --phi or budgets" in capsys.readouterr().err


def test_downloads_are_announced(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("KERAS_EFFICIENT_CACHE", str(tmp_path))
    announce("EfficientDetD0", "coco")
    entry = weights.find("EfficientDetD0", "coco")[0]
    text = capsys.readouterr().out
    assert "about 16 MB" in text  # 3.9 million parameters of 4 bytes
    assert entry.urls[0] in text and str(tmp_path / entry.file_name) in text
    (tmp_path / entry.file_name).touch()
    announce("EfficientDetD0", "coco")
    announce("EfficientDetD0", None)
    announce("EfficientDetD0", "a/file.h5")
    assert not capsys.readouterr().out
