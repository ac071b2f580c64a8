"""Changes of json, yaml, xml and csv files that keep their syntax."""

import csv
import io
import json
import random
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import yaml

from tests.fuzz.values import HUGE
from tests.fuzz.values import odd_text
from tests.fuzz.values import odd_value

MARK = "@huge@"
LAUGHS = (
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
    "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
    "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
)
ENTITIES = (
    '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a [<!ATTLIST object z CDATA "' + "z" * 9999 + '">]>',
)


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Change some values of a json file, or of a file of json lines."""
    text = data.decode("utf-8")
    try:
        trees = [json.loads(text)]
    except ValueError:
        trees = [json.loads(line) for line in text.splitlines()]
    place = rng.randrange(len(trees))
    trees[place] = mutated_tree(trees[place], rng)
    if rng.random() < 0.02:
        trees[place] = json.loads("[" * 400 + "]" * 400)
    lines = [json.dumps(tree).replace(f'"{MARK}"', HUGE) for tree in trees]
    if rng.random() < 0.02:
        depth = rng.choice((2000, 100_000))
        lines[place] = lines[place][:-1] + ', "q": ' + "[" * depth
    if rng.random() < 0.03:  # a key twice
        lines[place] = '{"images": 3, ' + lines[place][1:]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def mutated_tree(tree: Any, rng: random.Random) -> Any:
    """Return a tree of lists and dicts with one to four changes."""
    root = [tree]
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = list(_places(root))
        if not places:
            break
        holder, key = rng.choice(places)
        _change(holder, key, rng, places)
    return root[0] if root else None


def _places(tree: Any) -> Any:
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _change(holder: Any, key: Any, rng: random.Random, places: Any) -> None:
    kind = rng.randrange(8)
    if kind < 4:
        holder[key] = MARK if rng.random() < 0.02 else odd_value(rng)
    elif kind == 4:
        del holder[key]
    elif kind == 5:
        other, name = rng.choice(places)
        value = other[name] if _has(other, name) else None
        holder[key] = json.loads(json.dumps(value))
    elif kind == 6:
        wrap = rng.randrange(3)
        value = holder[key]
        holder[key] = ([value], {"x": value}, str(value)[:500])[wrap]
    elif isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[rng.choice([*holder, odd_text(rng)])] = holder[key]


def _has(holder: Any, key: Any) -> bool:
    if isinstance(holder, dict):
        return key in holder
    return key < len(holder)


def mutate_yaml(data: bytes, rng: random.Random) -> bytes:
    """Change some values of a yaml file, or add aliases."""
    kind = rng.randrange(10)
    text = data.decode("utf-8")
    if kind == 0:
        lines = text.splitlines()
        key = rng.choice(lines).partition(":")[0]
        return f"{LAUGHS}{text}\n{key}: *g\n".encode()
    if kind == 1:
        levels = rng.choice((50, 3000))
        return f"{text}\nnames: {'[' * levels}".encode()
    if kind == 2:
        return f"{text}\n{rng.choice(('path', 'names'))}: &r [*r]\n".encode()
    if "*" in text:  # an earlier change added aliases
        raise ValueError("aliases are not expanded here")
    tree = mutated_tree(yaml.safe_load(text), rng)
    if tree is None:
        return b""
    return yaml.safe_dump(tree, sort_keys=False).encode("utf-8", "replace")


def mutate_xml(data: bytes, rng: random.Random) -> bytes:
    """Change some elements of an xml file, or declare entities."""
    text = data.decode("utf-8")
    kind = rng.randrange(12)
    if kind == 0:
        return (rng.choice(ENTITIES) + text).encode()
    if kind == 1:
        levels = rng.choice((50, 5000))
        tag = rng.choice(("object", "image", "x", "points"))
        inner = f"<{tag}>" * levels + f"</{tag}>" * levels
        start = text.rindex("</")
        return (text[:start] + inner + text[start:]).encode()
    if kind == 2:
        name = rng.choice(("latin-1", "utf-16", "punycode", "zlib", "x", "gbk"))
        head = f'<?xml version="1.0" encoding="{name}"?>'
        return head.encode() + text.encode() + rng.choice((b"", b"\xff"))
    root = ElementTree.fromstring(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change_element(root, rng)
    found = ElementTree.tostring(root, "unicode")
    return found.encode("utf-8", "surrogatepass")


def _change_element(root: ElementTree.Element, rng: random.Random) -> None:
    parents = [x for x in root.iter() if len(x)] or [root]
    every = list(root.iter())
    item = rng.choice(every)
    kind = rng.randrange(7)
    if kind < 2:
        item.text = _legal(odd_text(rng))
    elif kind < 4 and item.attrib:
        item.set(rng.choice(list(item.attrib)), _legal(odd_text(rng)))
    elif kind == 4:
        item.tag = rng.choice(every).tag
    elif len(parents[0]):
        parent = rng.choice(parents)
        child = rng.choice(list(parent))
        if kind == 5:
            parent.remove(child)
        else:
            rng.choice(every).append(
                ElementTree.fromstring(ElementTree.tostring(child))
            )


def _legal(text: str) -> str:
    """Without characters that no xml file may contain."""
    return re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff]", "", text)


def mutate_csv(data: bytes, rng: random.Random) -> bytes:
    """Change some cells of a csv file."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"))))
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change_rows(rows, rng)
    out = io.StringIO()
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    csv.writer(out, quoting=quoting).writerows(rows)
    text = out.getvalue()
    if rng.random() < 0.05:
        text = text.replace(",", rng.choice((";", "\t", "|")))
    return text.encode("utf-8", "surrogatepass")


def mutate_lines(data: bytes, rng: random.Random) -> bytes:
    """Change some words of the lines of a text file."""
    text = data.decode("utf-8")
    rows = [re.split(r"([ ,=:])", line) for line in text.split("\n")]
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change_rows(rows, rng)
    found = "\n".join("".join(row) for row in rows)
    return found.encode("utf-8", "surrogatepass")


def _change_rows(rows: list[list[str]], rng: random.Random) -> None:
    if not rows:
        return
    place = rng.randrange(len(rows))
    row = rows[place]
    kind = rng.randrange(8)
    if kind < 5 and row:
        row[rng.randrange(len(row))] = odd_text(rng)
    elif kind == 5:
        rows.insert(place, [*row] * rng.choice((1, 1, 40)))
    elif kind == 6:
        del rows[place]
    elif row:
        del row[rng.randrange(len(row))]
