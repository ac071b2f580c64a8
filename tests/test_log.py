"""Messages of library functions."""

import logging

import pytest

from keras_efficient.log import get_logger
from keras_efficient.log import standard_output_only


@pytest.fixture
def no_root_handlers(monkeypatch):
    """Remove the handlers of pytest, which it adds after fixtures."""
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


def test_message_appears_once_if_logging_is_configured(capsys, caplog):
    get_logger("keras_efficient.sample").info("verified")
    assert [record.message for record in caplog.records] == ["verified"]
    assert capsys.readouterr().out == ""


def test_program_prints_regardless_of_the_configuration(capsys, caplog):
    with standard_output_only():
        get_logger("keras_efficient.sample").info("verified")
    assert capsys.readouterr().out == "verified\n"
    assert not caplog.records
    get_logger("keras_efficient.sample").info("verified again")
    assert [record.message for record in caplog.records] == ["verified again"]
