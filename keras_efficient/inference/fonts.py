"""Fonts for pictures, including letters that English does not have."""

import functools
import importlib.util
import pathlib
import unicodedata
from collections.abc import Sequence
from typing import Any

from PIL import ImageFont

# System fonts with many letters, in the order in which they are tried.
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "msgothic.ttc",
    "wqy-zenhei.ttc",
)
# A character that no font contains.
MISSING = "\U0010fffd"


def font_for(
    text: str, size: int, fonts: Sequence[Any] | None = None
) -> tuple[Any, str]:
    """Return a font that has all letters of a text.

    Pillow's own font has the letters of English only. Other fonts are those of
    the system and of matplotlib.

    Args:
        text: String.
        size: Integer, height in pixels.
        fonts: Sequence of `PIL.ImageFont` fonts to choose from. Defaults to
            `None`: all available fonts.

    Returns:
        A pair `(font, text)`. If no font has all letters, the text is without
        accents, and unknown letters are replaced by question marks.

    Example:
    >>> from keras_efficient.inference.fonts import font_for
    >>> font, text = font_for("dog 97%", 12)
    >>> text
    'dog 97%'
    """
    fonts = _available_fonts(size) if fonts is None else fonts
    for font in fonts:
        if all(_has(font, letter) for letter in set(text)):
            return font, text
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(x for x in plain if not unicodedata.combining(x))
    known = (x if x.isascii() and x.isprintable() else "?" for x in plain)
    return fonts[0], "".join(known)


@functools.lru_cache
def _available_fonts(size: int) -> tuple[Any, ...]:
    fonts: list[Any] = [ImageFont.load_default(size=size)]
    for name in (*SYSTEM_FONTS, *_fonts_of_matplotlib()):
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(fonts)


def _fonts_of_matplotlib() -> list[str]:
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return []
    folder = pathlib.Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder / "DejaVuSans.ttf")]


@functools.lru_cache(maxsize=4096)
def _has(font: Any, letter: str) -> bool:
    if letter.isspace():
        return True
    return bytes(font.getmask(letter)) != bytes(font.getmask(MISSING))
