"""Values and texts that readers seldom expect."""

import random
from typing import Any

# Where the canary image lies, seen from the folder of the data set.
OUTSIDE = "../outside/canary.png"
TEXTS = (
    "", " ", "0", "-1", "1", "1e400", "nan", "inf", "-inf", "1e308", "0x10",
    "9" * 30, "9" * 5000, "1_0", "٣", "²", "\x00", "a\x00.jpg", "\ud800",
    "a\ud800.png", "..", ".", "/", "../../../etc/passwd", "/etc/passwd",
    OUTSIDE, "file:///etc/passwd", "http://[", "https://x/a.png?d=1",
    "C:\\a.png",
    "a" * 300 + ".png", "b/" * 200 + "a.png", "x" * 20_000, "%00", "%2e%2e/",
    "a.png", "b.png", "images/a.png", "\n", "\r", "\t", "'", '"', "{", "[", "<",
    "&a;", "*a", "!!python/object:os.system", "null", "true", "0.5",
    "999999999",
    "cup", "CUP", "0 0.5 0.5 0.5 0.5", "1,2,3,4,0", "\ufeff", "é", "e\u0301",
    "-", "--", ",", ";", ":", "|", "#", "%", "🙂",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 7, 255, 256, 2**31, 2**32, 2**63, 2**64, 10**9, 10**18, 10**30,
    -(2**63), -(2**64), 0.0, -0.0, 0.5, 1e-300, 1e30, 1e300, -1e300,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
# Written as it stands: Python refuses to convert as many digits.
HUGE = "9" * 10_000


def deep(levels: int) -> Any:
    """Return a list inside a list, and so on."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def odd_value(rng: random.Random) -> Any:
    """Return a value of any type of json."""
    kind = rng.randrange(10)
    if kind < 4:
        return rng.choice(TEXTS)
    if kind < 7:
        return rng.choice(NUMBERS)
    if kind == 7:
        return rng.choice((None, True, False, [], {}, [[]], [{}], {"": None}))
    if kind == 8:
        return [odd_value(rng) for _ in range(rng.randrange(6))]
    if rng.random() < 0.5:
        return deep(rng.choice((2, 20, 200)))
    return {rng.choice(TEXTS): odd_value(rng) for _ in range(rng.randrange(4))}


def odd_text(rng: random.Random) -> str:
    """Return a text, or a number as text."""
    if rng.random() < 0.7:
        return rng.choice(TEXTS)
    return str(rng.choice(NUMBERS))
