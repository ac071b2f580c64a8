"""Consistency of README and site with the code: links, tables, commands."""

import importlib.util
import json
import re
import shlex

import pytest
import typer

from keras_efficient.cli.main import app
from keras_efficient.cli.train_config import read_config
from tests.docs.blocks import PAGES
from tests.docs.blocks import REPOSITORY
from tests.docs.blocks import blocks
from tests.docs.blocks import commands
from tests.marks import on_one_backend

pytestmark = on_one_backend

README = PAGES[0]
SITE = REPOSITORY / "mkdocs.yml"
PROGRAM = "keras-efficient"
LINK = re.compile(r"\]\(([^)\s]+)\)")
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_without_code(page):
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)


def anchors(page):
    """Return the anchors of headings, on GitHub and on the site."""
    titles = re.findall(r"^#+ (.*)$", text_without_code(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
        for title in titles
    }


@by_name
def test_links_have_targets(page):
    for target in LINK.findall(text_without_code(page)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@by_name
def test_site_contains_the_targets_of_its_links(page):
    if page == README:
        return
    for target in LINK.findall(text_without_code(page)):
        assert not target.startswith(".."), target


def test_generated_parts_are_up_to_date():
    path = REPOSITORY / "docs" / "scripts" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", path)
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = generate.stale()
    assert not stale, f"{stale}: run `python docs/scripts/generate.py`"


def test_tables_are_filled():
    rows = re.findall(r"^\| [BD]\dx? \|.*\|$", README.read_text(), re.M)
    assert len(rows) == 8 + 9
    for row in rows:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row


def test_every_page_is_in_the_menu():
    menu = set(re.findall(r"(\S+\.md)$", SITE.read_text(), re.MULTILINE))
    docs = REPOSITORY / "docs"
    pages = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    assert pages == menu


def program_lines():
    for page in PAGES:
        for line, text in blocks(page, "shell"):
            for command in commands(text):
                if command.startswith(PROGRAM):
                    name = f"{page.name}:{line} {command}"
                    yield pytest.param(command, id=name)


@pytest.mark.parametrize("command", program_lines())
def test_options_in_commands_exist(command):
    group = typer.main.get_command(app)
    _, name, *words = shlex.split(command)
    assert name in group.commands, name
    # Parses the options without running the command.
    group.commands[name].make_context(name, words, resilient_parsing=False)


def test_first_screen():
    first = README.read_text().splitlines()[:20]
    assert any(line.startswith("![") for line in first)
    assert sum(line.startswith(f"{PROGRAM} ") for line in first) == 2


@by_name
def test_json_and_yaml_blocks_are_valid(page):
    yaml = pytest.importorskip("yaml")
    for _, text in blocks(page, "yaml"):
        assert isinstance(yaml.safe_load(text), dict)
    for _, text in blocks(page, "json"):
        assert json.loads(text)


def test_training_settings_exist(tmp_path):
    page = REPOSITORY / "docs" / "training.md"
    found = [x for _, x in blocks(page, "yaml") if "model:" in x]
    assert found
    for text in found:
        (tmp_path / "run.yaml").write_text(text)
        settings = read_config(tmp_path / "run.yaml", {"data": "cells"})
        assert (settings.anchor_scale, settings.epochs) == (2, 40)


@by_name
def test_code_blocks_are_not_indented(page):
    # Indented blocks would not be run.
    for line in text_without_code(page).splitlines():
        assert not re.match(r"    (python|pip|keras|import|export) ", line)
