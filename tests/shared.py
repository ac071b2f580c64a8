"""The folder of photos and weights, and a mark for tests that require it."""

import pathlib

import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"

needs_shared = pytest.mark.skipif(
    not (SHARED / "data").is_dir(),
    reason="the folder ../shared with real photos and weights is missing",
)
