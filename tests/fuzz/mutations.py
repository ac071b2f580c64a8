"""Changes of the files of a data set: contents, bytes and the files."""

import enum
import random
import re
import struct
from collections.abc import Callable
from typing import TypeAlias

from tests.fuzz.archive_mutations import mutate_h5
from tests.fuzz.archive_mutations import mutate_safetensors
from tests.fuzz.archive_mutations import zip_mutation
from tests.fuzz.tfrecord_mutations import mutate_tfrecord
from tests.fuzz.tree_mutations import mutate_csv
from tests.fuzz.tree_mutations import mutate_json
from tests.fuzz.tree_mutations import mutate_lines
from tests.fuzz.tree_mutations import mutate_xml
from tests.fuzz.tree_mutations import mutate_yaml
from tests.fuzz.values import odd_text

# Largest file that is written.
MAX_BYTES = 400_000
WORDS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1)


class Special(enum.Enum):
    """What is in the place of a file."""

    DIRECTORY = "a directory"
    LOOP = "a link to itself"
    FOLDER_LOOP = "a link to the folder of the data set"
    DANGLING = "a link to nothing"
    PIPE = "a pipe"


Content: TypeAlias = bytes | Special
Files: TypeAlias = dict[str, Content]

STRUCTURED: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": mutate_json,
    ".jsonl": mutate_json,
    ".yaml": mutate_yaml,
    ".xml": mutate_xml,
    ".csv": mutate_csv,
    ".txt": mutate_lines,
    ".names": mutate_lines,
    ".data": mutate_lines,
    ".pbtxt": mutate_lines,
    ".tfrecord": mutate_tfrecord,
    ".h5": mutate_h5,
    ".safetensors": mutate_safetensors,
}


def mutate(files: Files, rng: random.Random, weights: float = 1.0) -> Files:
    """Return changed files.

    Args:
        files: Contents by path relative to the folder of the data set.
        rng: Source of all choices.
        weights: Float, factor of the probability that an image is chosen;
            annotations are chosen with probability 1.

    Returns:
        A new dict.
    """
    files = dict(files)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not files:
            return files
        names = sorted(files)
        chances = [1.0 if structured(x) else 0.15 * weights for x in names]
        name = rng.choices(names, chances)[0]
        content = files[name]
        kind = rng.random()
        if kind < 0.08 or isinstance(content, Special):
            change_files(files, name, rng)
        elif kind < 0.75 and structured(name):
            files[name] = _structured(name, content, rng)[:MAX_BYTES]
        else:
            files[name] = mutate_bytes(content, rng)[:MAX_BYTES]
    return files


def structured(name: str) -> bool:
    """Return whether there are structured changes of a file."""
    return _ending(name) in STRUCTURED


def _ending(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()


def _structured(name: str, content: bytes, rng: random.Random) -> bytes:
    try:
        return STRUCTURED[_ending(name)](content, rng)
    except Exception:  # an earlier change broke the syntax
        return mutate_bytes(content, rng)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change_bytes(found, rng)
    return bytes(found)


def _change_bytes(data: bytearray, rng: random.Random) -> None:
    size = len(data)
    start = rng.randrange(size + 1)
    stop = min(size, start + rng.choice((1, 2, 4, 16, 64)))
    kind = rng.randrange(9)
    if kind == 0:
        del data[start:]
    elif kind == 1 and size:
        data[start % size] ^= 1 << rng.randrange(8)
    elif kind == 2:
        data[start:start] = rng.randbytes(rng.choice((1, 4, 32)))
    elif kind == 3:
        data[start:stop] = data[stop : stop + (stop - start)]
    elif kind == 4:
        data[start:stop] = data[start:stop] * rng.choice((2, 10, 500))
    elif kind == 5:
        del data[start:stop]
    elif kind == 6:
        order = rng.choice("<>")
        code = rng.choice("HIQ")
        data[start : start + struct.calcsize(code)] = struct.pack(
            order + code, rng.choice(WORDS) & (2 ** (8 * 2) - 1)
            if code == "H" else rng.choice(WORDS)
        )  # fmt: skip
    elif kind == 7:
        numbers = list(re.finditer(rb"-?\d[\d.]*", bytes(data)))
        if numbers:
            match = rng.choice(numbers)
            text = odd_text(rng).encode("utf-8", "replace")
            data[match.start() : match.end()] = text
    else:
        data[start:start] = odd_text(rng).encode("utf-8", "replace")


STRUCTURED.update(
    {
        ".npz": zip_mutation(mutate_bytes),
        ".pth": zip_mutation(mutate_bytes),
        ".keras": zip_mutation(
            lambda data, rng: (
                mutate_h5(data, rng)
                if data.startswith(b"\x89HDF")
                else mutate_bytes(data, rng)
            )
        ),
    }
)


def change_files(files: Files, name: str, rng: random.Random) -> None:
    """Delete, empty, swap, rename or replace a file."""
    kind = rng.randrange(9)
    other = rng.choice(sorted(files))
    folder = name.rpartition("/")[0]
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = b""
    elif kind == 2:
        files[name], files[other] = files[other], files[name]
    elif kind == 3:
        files[name + rng.choice((".bak", ".json", ".txt", ".png", "~"))] = (
            files.pop(name)
        )
    elif kind == 4:
        odd = rng.choice(
            ("\udcff", "é", "e\u0301", "A" * 240, "a b", "%20", "\n")
        )
        files[f"{folder}/{odd}{_ending(name)}".lstrip("/")] = files[name]
    elif kind == 5:
        files[other] = files[name]
    elif kind == 6:
        files[f"{folder}/loop".lstrip("/")] = Special.FOLDER_LOOP
        files[f"{folder}/loop2".lstrip("/")] = Special.FOLDER_LOOP
    else:
        files[name] = rng.choice(
            (Special.DIRECTORY, Special.LOOP, Special.DANGLING, Special.PIPE)
        )
