"""Endings of image files, and the packages that decode them."""

import contextlib
import functools
import importlib
import importlib.util
import os
import threading
from typing import BinaryIO

from PIL import Image
from PIL import ImageFile
from PIL import features

from keras_efficient.types import PathLike

# Formats that every PIL decodes.
COMMON_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng"),
    *(".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".tga"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
# Features of PIL that some builds lack. The wheels of Pillow contain them.
FEATURE_ENDINGS = {
    "avif": (".avif", ".avifs"),
    "jpg_2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
}
# Packages that extend PIL: module, name for pip, endings.
PLUGINS = (
    ("pillow_heif", "pillow-heif", (".heic", ".heif", ".hif")),
    ("pillow_jxl", "pillow-jxl-plugin", (".jxl",)),
)

_REGISTRATION = threading.Lock()

# PIL imports its own plugins when the first image is opened. If two threads do
# so at the same time, one of them can find a format missing.
for _name in ("Jpeg", "Mpo", "Png", "Bmp", "Gif", "WebP", "Tiff", "Ppm", "Tga"):
    importlib.import_module(f"PIL.{_name}ImagePlugin")
for _name in ("Avif", "Jpeg2K"):
    with contextlib.suppress(ImportError):
        importlib.import_module(f"PIL.{_name}ImagePlugin")


def _has_feature(name: str) -> bool:
    """Return whether PIL has a feature; older versions do not know it."""
    is_known = name in {*features.modules, *features.codecs}
    return is_known and bool(features.check(name))


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


# Formats that are decoded, by PIL's names. MPO is opened as JPEG. TGA files
# have no signature, so that they are tried last.
FORMATS = (
    *("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM"),
    *("AVIF", "JPEG2000", "HEIF", "JXL", "TGA"),
)
# Endings of the images that can be decoded here, lower case.
EXTENSIONS = (
    *COMMON_ENDINGS,
    *(
        ending
        for name, endings in FEATURE_ENDINGS.items()
        for ending in endings
        if _has_feature(name)
    ),
    *(
        ending
        for module, _, endings in PLUGINS
        for ending in endings
        if _is_installed(module)
    ),
)


def missing_decoder(path: PathLike) -> str | None:
    """Return what must be installed to decode a file, by its ending.

    Args:
        path: Path of a file.

    Returns:
        Text such as `"pip install pillow-heif"`, or `None` if the format can
        be decoded, or is no format of images.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending in EXTENSIONS:
        return None
    for endings in FEATURE_ENDINGS.values():
        if ending in endings:
            return 'pip install --upgrade "pillow>=11.3"'
    for _, package, endings in PLUGINS:
        if ending in endings:
            return f"pip install {package}"
    return None


def open_known(file: str | BinaryIO) -> ImageFile.ImageFile:
    """Open an image with PIL if it has one of `FORMATS`.

    The contents decide, not the ending of the name: PIL has other formats,
    one of which, EPS, starts a program that runs the file.

    Args:
        file: Path, or a file that is open for reading.

    Returns:
        A PIL image, not decoded yet.

    Raises:
        PIL.UnidentifiedImageError: If the file has another format.
    """
    with _REGISTRATION:
        _register_plugins()
    formats = tuple(name for name in FORMATS if name in Image.OPEN)
    return Image.open(file, formats=formats)


@functools.cache
def _register_plugins() -> None:
    """Let PIL decode the formats of all installed packages."""
    for module, *_ in PLUGINS:
        if _is_installed(module):
            plugin = importlib.import_module(module)
            # Others register themselves when they are imported.
            getattr(plugin, "register_heif_opener", lambda: None)()
