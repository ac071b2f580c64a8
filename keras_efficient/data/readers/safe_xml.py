"""Reading of xml files whose encoding or contents cannot be trusted."""

import codecs
import pathlib
import re
import xml.etree.ElementTree as ElementTree
from xml.parsers import expat

from keras_efficient.data.readers.files import open_file
from keras_efficient.data.records import shown_text

# UTF-32 first, because its mark starts with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECLARATION = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""")
# Names of Python's multi-byte encodings start so. Text in them may be valid
# UTF-8 by chance, which text in a single-byte encoding is not.
MULTI_BYTE = ("gb", "big5", "shift", "cp9", "euc", "iso2022", "hz", "johab")
# Encodings that are declared for text in a larger one.
LARGER = {"gb2312": "gb18030", "gbk": "gb18030"}
# Codecs of Python that annotation tools do not write, and that decode slowly
# or something else than letters.
UNUSUAL = ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "utf-7")
# Elements inside each other.
MAX_DEPTH = 100
# Bytes in which the first element must start.
HEAD = 4096
TAG = re.compile(r"<([A-Za-z_][\w.:-]*)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def read_xml(path: pathlib.Path) -> tuple[ElementTree.Element, str | None]:
    """Read an xml file.

    The file must not declare entities, which can read other files or expand
    to gigabytes, nor default attributes, which every element would get, nor
    have elements in more than 100 others. Memory and time are proportional
    to the size of the file.

    Files that are not in the encoding that they declare are read as UTF-8 if
    they are valid UTF-8, otherwise as Latin-1.

    Args:
        path: Path of a file.

    Returns:
        A pair of the root element and the encoding, which is `None` if it is
        the declared one.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a complete xml file, or has what is refused.
    """
    with open_file(path) as file:
        text, encoding = _decode(file.read())
    builder = ElementTree.TreeBuilder()
    # The parser of `ElementTree` does not offer the handler of entities.
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _RefusedError(
                f"has elements in more than {MAX_DEPTH} others. Annotations "
                "are not nested as deeply; export the file again."
            )
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse_entity
    parser.AttlistDeclHandler = _refuse_attributes
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as e:
        raise ValueError(f"{path} is not a complete xml file: {e}") from e
    except _RefusedError as e:
        raise ValueError(f"{path} {e}") from e
    return builder.close(), encoding


def root_tag(path: pathlib.Path) -> str:
    """Return the name of the first element of a file, `""` if it has none."""
    with open_file(path) as file:
        head = file.read(HEAD)
    match = TAG.search(COMMENT.sub("", _decode(head, errors="replace")[0]))
    return match[1] if match else ""


class _RefusedError(Exception):
    """The file has what is refused. The text continues its name."""


def _refuse_entity(name: str, *_: object) -> None:
    raise _RefusedError(
        f"declares the entity {shown_text(name)!r}. Entities are refused, "
        "because they can read other files or fill the memory; annotations "
        "do not need them."
    )


def _refuse_attributes(element: str, name: str, *_: object) -> None:
    raise _RefusedError(
        f"declares the attribute {shown_text(name)!r} of the element "
        f"{shown_text(element)!r}. Declared attributes are refused, because "
        "they can fill the memory; remove the declaration."
    )


def _decode(data: bytes, errors: str = "strict") -> tuple[str, str | None]:
    """Text of a file, and its encoding if it is not the declared one."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors), None
    if data[:2] in (b"<\0", b"\0<"):
        encoding = "utf-16-le" if data[:1] == b"<" else "utf-16-be"
        return data.decode(encoding, errors), None
    if errors != "strict" or data.isascii():
        return data.decode("utf-8", "replace"), None
    match = DECLARATION.match(data)
    declared = _codec(match[1].decode()) if match else "utf-8"
    order = ["utf-8", declared]
    if declared.startswith(MULTI_BYTE):
        order.reverse()
    for encoding in (*order, "latin-1"):
        try:
            text = data.decode(LARGER.get(encoding, encoding))
        except UnicodeError:
            continue
        return text, None if encoding == declared else encoding
    raise AssertionError  # Latin-1 decodes all bytes


def _codec(name: str) -> str:
    """Python's name of an encoding, `"utf-8"` if it cannot be the right one."""
    try:
        b"a".decode(name)
        codec = codecs.lookup(name).name
    except (LookupError, UnicodeError):
        return "utf-8"
    if codec in UNUSUAL:
        return "utf-8"
    # Text in these would have been recognized by its first bytes.
    return "utf-8" if codec.startswith(("utf-16", "utf-32")) else codec
