"""Running the command line program within this process."""

import sys

import pytest

from keras_efficient.cli import main


def run(monkeypatch, *arguments):
    """Run a command and return its exit status."""
    arguments = [str(argument) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["keras-efficient", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return caught.value.code
