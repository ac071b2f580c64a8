"""Letters for pictures, also of names that are not English."""

import functools
import importlib.util
import pathlib
import unicodedata

from PIL import ImageFont

# Fonts of the system with many letters, in the order in which they are tried.
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
# What no font has a letter for.
MISSING = "\U0010fffd"


def font_for(text, size):
    """A font that has the letters of a text.

    Pillow's own has those of English only. Others come from the system, or
    with matplotlib.

    Args:
        text: String.
        size: Integer, height in pixels.

    Returns:
        A tuple `(font, text)`. Where no font has all the letters, accents are
        left out of the text, and what is left of strange letters are question
        marks.

    Example:
    >>> from keras_efficient.inference.fonts import font_for
    >>> font, text = font_for("dog 97%", 12)
    >>> text
    'dog 97%'
    """
    fonts = _fonts(size)
    for font in fonts:
        if all(_has(font, letter) for letter in set(text)):
            return font, text
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(x for x in plain if not unicodedata.combining(x))
    known = (x if x.isascii() and x.isprintable() else "?" for x in plain)
    return fonts[0], "".join(known)


@functools.lru_cache
def _fonts(size):
    fonts = [ImageFont.load_default(size=size)]
    names = [*SYSTEM_FONTS, *_fonts_of_matplotlib()]
    for name in names:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(fonts)


def _fonts_of_matplotlib():
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return []
    folder = pathlib.Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder / "DejaVuSans.ttf")]


@functools.lru_cache(maxsize=4096)
def _has(font, letter):
    if letter.isspace():
        return True
    return bytes(font.getmask(letter)) != bytes(font.getmask(MISSING))
