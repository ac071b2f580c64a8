"""A fixture for tests of files that must not take time and memory."""

import time

import pytest

from tests.fuzz.memory import peak
from tests.fuzz.memory import start_of_growth

# What a reader may take for files of some hundred kilobytes.
MAX_SECONDS = 5.0
MAX_MEGABYTES = 400
# Repetitions, for files of some hundred kilobytes.
NUMBER = 200_000


@pytest.fixture
def bounded():
    """Fail a test that takes more processor time or memory."""
    start = time.process_time()
    before = start_of_growth()
    yield
    assert time.process_time() - start < MAX_SECONDS
    assert (peak() - before) / 1024 < MAX_MEGABYTES
