"""A fixture for tests of files that must not take time and memory."""

import resource
import time

import pytest

# What a reader may take for files of some hundred kilobytes.
MAX_SECONDS = 5.0
MAX_MEGABYTES = 400
# Repetitions, for files of some hundred kilobytes.
NUMBER = 200_000


@pytest.fixture
def bounded():
    """Fail a test that takes more processor time or memory."""
    start = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert time.process_time() - start < MAX_SECONDS
    assert (after - before) / 1024 < MAX_MEGABYTES
