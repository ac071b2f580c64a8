"""Changes inside weights files that keep their containers valid."""

import io
import random
import zipfile
from collections.abc import Callable

import h5py
import numpy as np

from tests.fuzz.tree_mutations import mutate_json
from tests.fuzz.values import odd_text

Change = Callable[[bytes, random.Random], bytes]


def zip_mutation(change: Change) -> Change:
    """Return a function that changes a member of a zip archive.

    Args:
        change: Function of the bytes of a member and a random state.
    """

    def mutate(data: bytes, rng: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {x: archive.read(x) for x in archive.namelist()}
        name = rng.choice(sorted(members))
        kind = rng.random()
        if kind < 0.7:
            members[name] = change(members[name], rng)
        elif kind < 0.8:
            del members[name]
        elif kind < 0.9:
            members[odd_text(rng)[:200] or "x"] = members[name]
        else:
            other = rng.choice(sorted(members))
            members[name] = members[other]
        result = io.BytesIO()
        method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(result, "w", method) as archive:
            for name, content in members.items():
                archive.writestr(
                    name.encode("utf-8", "replace").decode(), content
                )
        return result.getvalue()

    return mutate


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    """Change the header, and state its new length."""
    size = int.from_bytes(data[:8], "little")
    header = mutate_json(data[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def mutate_h5(data: bytes, rng: random.Random) -> bytes:
    """Change an array or an attribute of an HDF5 file."""
    content = io.BytesIO(data)
    with h5py.File(content, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = rng.choice(names)
        kind = rng.randrange(7)
        if kind == 0:
            del file[name]
        elif kind == 1:
            file[name].attrs["weight_names"] = _odd_attribute(rng)
        elif kind == 2:
            file.attrs["layer_names"] = _odd_attribute(rng)
        elif kind == 3:
            file[f"{name}_{rng.randrange(99)}"] = h5py.SoftLink(
                rng.choice(("/", f"/{name}", "/nowhere"))
            )
        elif kind == 4:
            file[f"x{rng.randrange(99)}"] = h5py.ExternalLink(
                "../outside/canary.png", "/"
            )
        elif isinstance(file[name], h5py.Dataset):
            shape = file[name].shape
            del file[name]
            file[name] = _odd_array(shape, rng)
        else:
            file[f"{name}/{rng.randrange(9)}"] = _odd_array((2,), rng)
    return content.getvalue()


def _odd_attribute(rng: random.Random) -> object:
    return rng.choice(
        ([], ["a"], [b"\xff"], 3, "text", [1.5], ["stem_conv"] * 50, ["a/../b"])
    )


def _odd_array(shape: tuple[int, ...], rng: random.Random) -> np.ndarray:
    kind = rng.randrange(6)
    if kind == 0:
        return np.full(shape, rng.choice((np.nan, np.inf, 1e300, -1e-320)))
    if kind == 1:
        return np.zeros(tuple(reversed(shape)), "float32")
    if kind == 2:
        return np.array([b"text"] * 3)
    if kind == 3:
        return np.zeros((*shape, 1), "complex64")
    if kind == 4:
        return np.zeros((), "int64")
    return np.zeros((0, *shape[1:]), "float16")
