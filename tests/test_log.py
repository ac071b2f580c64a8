"""Messages of library functions."""

import logging

import pytest

from keras_efficient.log import get_logger
from keras_efficient.log import standard_output_only


@pytest.fixture
def no_root_handlers(monkeypatch):
    """Remove the handlers of pytest, which it adds after fixtures."""
    return lambda: monkeypatch.setattr(logging.getLogger(), "handlers", [])


@pytest.fixture
def root_messages():
    """The messages that reach a handler of the root logger."""
    messages = []

    class Recorder(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    handler = Recorder()
    logging.getLogger().addHandler(handler)
    yield messages
    logging.getLogger().removeHandler(handler)


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


def test_message_appears_once_if_logging_is_configured(capsys, root_messages):
    get_logger("keras_efficient.sample").info("verified")
    assert root_messages == ["verified"]
    assert capsys.readouterr().out == ""


def test_program_prints_regardless_of_the_configuration(capsys, root_messages):
    with standard_output_only():
        get_logger("keras_efficient.sample").info("verified")
    assert capsys.readouterr().out == "verified\n"
    assert not root_messages
    get_logger("keras_efficient.sample").info("verified again")
    assert root_messages == ["verified again"]
