"""Where the real photos and weights lie, and the skip without them."""

import pathlib

import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"

needs_shared = pytest.mark.skipif(
    not (SHARED / "data").is_dir(),
    reason="the folder ../shared with real photos and weights is missing",
)
