"""The few keys of YOLO's `data.yaml`, without a library for all of yaml."""

import re

OPENING, CLOSING = "[{", "]}"


def read_yaml_keys(text: str) -> dict:
    r"""Reads keys with values, lists and dicts of values, one level deep.

    Args:
        text: String, content of the file.

    Returns:
        A dict; values are integers, floats, strings, or lists or dicts of
        them.

    Example:
    >>> from keras_efficient.data.readers.yaml_keys import read_yaml_keys
    >>> read_yaml_keys("nc: 2\nnames:\n  0: cat # tame\n  1: 'big dog'")
    {'nc': 2, 'names': {0: 'cat', 1: 'big dog'}}
    """
    found, key = {}, None
    lines = _logical_lines(text)
    for line in lines:
        is_item = re.match(r"\s*-(\s+|$)", line)
        if key is not None and is_item:
            if not isinstance(found[key], list):
                found[key] = []
            found[key].append(_value(line[is_item.end() :]))
        elif key is not None and line[0].isspace():
            name, value = _pair(line)
            if not isinstance(found[key], dict):
                found[key] = {}
            found[key][name] = value
        else:
            key, value = _pair(line)
            found[key] = value
    return found


def _logical_lines(text):
    """Lines without comments; those of a bracket that stays open as one."""
    lines: list[str] = []
    depth = 0
    for line in text.splitlines():
        line = _without_comment(line).rstrip()
        if not line.strip() or line.strip() in ("---", "..."):
            continue
        if depth > 0:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
        letters = [letter for _, letter in _outside_of_quotes(line)]
        depth += sum(letters.count(x) for x in OPENING)
        depth -= sum(letters.count(x) for x in CLOSING)
    return lines


def _without_comment(line):
    """A `#` is one at the beginning or after a blank."""
    for i, letter in _outside_of_quotes(line):
        if letter == "#" and (i == 0 or line[i - 1].isspace()):
            return line[:i]
    return line


def _outside_of_quotes(text):
    """Places and letters; an apostrophe within a word opens no quotes."""
    quote = None
    for i, letter in enumerate(text):
        if quote is not None:
            quote = None if letter == quote else quote
        elif letter in "'\"" and (i == 0 or text[i - 1] in " \t[{,:"):
            quote = letter
        else:
            yield i, letter


def _pair(text):
    match = re.match(r"\s*('[^']*'|\"[^\"]*\"|[^:]*?)\s*:(\s+|$)", text)
    if match is None:
        return _value(text), ""
    return _value(match[1]), _value(text[match.end() :])


def _value(text):
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        return [_value(part) for part in _parts(text[1:-1])]
    if text[:1] == "{" and text[-1:] == "}":
        # Python and json leave no blank behind the colon of quoted keys.
        pairs = (
            re.sub(r"^\s*(\d+|'[^']*'|\"[^\"]*\"):(?=\S)", r"\1: ", part)
            for part in _parts(text[1:-1])
        )
        return dict(map(_pair, pairs))
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        return inner.replace("''", "'") if text[0] == "'" else inner
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _parts(text):
    """Divides at commas outside of quotes; a last empty part is none."""
    commas = [i for i, letter in _outside_of_quotes(text) if letter == ","]
    starts, ends = [0, *(i + 1 for i in commas)], [*commas, len(text)]
    parts = [text[a:b] for a, b in zip(starts, ends, strict=True)]
    return [part for part in parts if part.strip()]
