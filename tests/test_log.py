"""Messages of library functions."""

import logging

import pytest

from keras_efficient.log import get_logger
from keras_efficient.log import standard_output_only


@pytest.fixture
def no_root_handlers(monkeypatch):
    """Removes pytest's own handlers, which it adds after the fixtures."""
    return lambda: monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_information_appears_on_standard_output(no_root_handlers, capsys):
    no_root_handlers()
    get_logger("keras_efficient.sample").info("%d of 2 verified", 1)
    assert capsys.readouterr().out == "1 of 2 verified\n"


def test_a_level_silences_it(no_root_handlers, capsys):
    no_root_handlers()
    logger = get_logger("keras_efficient.sample")
    package = logging.getLogger("keras_efficient")
    level = package.level
    package.setLevel(logging.WARNING)
    try:
        logger.info("1 of 2 verified")
    finally:
        package.setLevel(level)
    assert capsys.readouterr().out == ""


def test_an_application_that_configures_logging_gets_it_once(capsys, caplog):
    get_logger("keras_efficient.sample").info("verified")
    assert [record.message for record in caplog.records] == ["verified"]
    assert capsys.readouterr().out == ""


def test_a_program_prints_whatever_is_configured(capsys, caplog):
    with standard_output_only():
        get_logger("keras_efficient.sample").info("verified")
    assert capsys.readouterr().out == "verified\n"
    assert not caplog.records
    get_logger("keras_efficient.sample").info("verified again")
    assert [record.message for record in caplog.records] == ["verified again"]
