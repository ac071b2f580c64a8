"""Annotations in TFRecord files of TensorFlow's Object Detection API."""

import atexit
import collections
import contextlib
import dataclasses
import gzip
import itertools
import os
import pathlib
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import BinaryIO
from typing import cast

import numpy as np

from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.annotations import ReadOptions
from keras_efficient.data.readers.annotations import empty_annotations
from keras_efficient.data.readers.files import open_file
from keras_efficient.data.readers.folder_listing import FolderListing
from keras_efficient.data.readers.folder_names import SEPARATOR
from keras_efficient.data.readers.folder_names import is_split_name
from keras_efficient.data.readers.folder_names import split_of
from keras_efficient.data.readers.folder_names import telling_parts
from keras_efficient.data.readers.tfrecord_examples import KEYS
from keras_efficient.data.readers.tfrecord_examples import ClassKey
from keras_efficient.data.readers.tfrecord_examples import Example
from keras_efficient.data.readers.tfrecord_examples import Objects
from keras_efficient.data.readers.tfrecord_examples import class_names
from keras_efficient.data.readers.tfrecord_examples import objects_of
from keras_efficient.data.readers.tfrecord_examples import read_label_map
from keras_efficient.data.readers.tfrecord_examples import size_of
from keras_efficient.data.readers.tfrecord_examples import write_image
from keras_efficient.internals.tfrecords import GZIP
from keras_efficient.internals.tfrecords import read_examples

DEPTH = 2
LABEL_MAP = ".pbtxt"
# "train.record-00000-of-00010" and "train-00000-of-00010.record" are parts of
# "train.record".
NAME = re.compile(
    r"(.+?)(-\d+-of-\d+)?[._-](tf_?records?|record)(-\d+-of-\d+)?(\.gz)?", re.I
)
OBJECT = b"image/object/"
# Records that are looked into, to find one with objects, and their bytes.
NUM_TRIED = 20
MAX_BYTES = 1 << 28
# The largest ratio that gzip reaches, and bytes that are read at once.
MAX_EXPANSION = 1032
CHUNK = 1 << 20
# Bytes of a record besides its contents: a length and two checksums.
HEADER, FOOTER = 12, 4
# Reasons in reports, each after a number.
NO_OBJECT = "examples without objects"
NO_BOX = "objects without a box and a class"
NO_IMAGE = "examples without an image"


@dataclasses.dataclass(frozen=True)
class TFRecordSplit:
    """Where a split is stored.

    Attributes:
        files: Paths of the TFRecord files.
        label_map: File with the names of the classes, or `None`.
    """

    files: tuple[pathlib.Path, ...]
    label_map: pathlib.Path | None


def find_splits(listing: FolderListing) -> Mapping[str | None, TFRecordSplit]:
    """Return the files of a folder by split, or the file itself."""
    path = listing.source
    if listing.is_file:
        return {None: _split(listing, [path])} if _has_objects(path) else {}
    groups: dict[pathlib.Path, list[pathlib.Path]] = {}
    for file in listing.files_to_depth(DEPTH):
        match = NAME.fullmatch(file.name)
        if match is not None:
            groups.setdefault(file.parent / match[1], []).append(file)
    groups = {
        name: files
        for name, files in groups.items()
        if any(map(_has_objects, files[:NUM_TRIED]))
    }
    names = {base: _name(base.relative_to(path)) for base in groups}
    counts = collections.Counter(names.values())
    found: dict[str | None, TFRecordSplit] = {}
    for base, files in groups.items():
        name = names[base]
        if counts[name] > 1:
            name = base.relative_to(path).as_posix()
        found[name] = _split(listing, files)
    return found


def _name(base: pathlib.Path) -> str | None:
    """Name of the split of a file, from its own name or its folders."""
    words = [x for x in SEPARATOR.split(base.name) if is_split_name(x)]
    return words[0] if words else split_of(telling_parts(base.parent))


def _split(
    listing: FolderListing, files: Sequence[pathlib.Path]
) -> TFRecordSplit:
    places = dict.fromkeys([files[0].parent, files[0].parent.parent])
    maps = [x for y in places for x in listing.files(y, LABEL_MAP)]
    # "cells.tfrecord" may be beside "cells_label_map.pbtxt" and others.
    maps.sort(key=lambda x: not x.name.startswith(files[0].name.split(".")[0]))
    return TFRecordSplit(tuple(files), maps[0] if maps else None)


def _has_objects(path: pathlib.Path) -> bool:
    return any(OBJECT in record for record in _first_records(path))


def _first_records(path: pathlib.Path) -> Iterator[bytes]:
    """The first records of a file, none if it is of another kind."""
    limit = min(MAX_BYTES, MAX_EXPANSION * path.stat().st_size)
    with contextlib.suppress(EOFError, OSError, zlib.error):
        with _opened(path) as stream:
            for _ in range(NUM_TRIED):
                header = stream.read(HEADER)
                if len(header) < HEADER:
                    return
                (length,) = struct.unpack("<Q", header[:8])
                if length > limit:
                    return
                yield stream.read(length)
                stream.read(FOOTER)


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[BinaryIO]:
    with open_file(path) as file:
        is_compressed = file.read(2) == GZIP
        file.seek(0)
        if not is_compressed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as content:
            yield cast(BinaryIO, content)


def _check_records(path: pathlib.Path) -> None:
    """Raise an error if a record is longer than the rest of the file.

    TensorFlow reserves the memory that a record states, and ends the process
    if there is not as much.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as e:
        raise ValueError(
            f"{ascii(os.fspath(path))} has a name that is not UTF-8, which "
            "TensorFlow cannot open. Rename the file."
        ) from e
    number = 0
    try:
        with _opened(path) as stream:
            while header := stream.read(HEADER):
                if len(header) < HEADER:
                    raise EOFError
                (rest,) = struct.unpack("<Q", header[:8])
                rest += FOOTER
                while rest:
                    part = stream.read(min(rest, CHUNK))
                    if not part:
                        raise EOFError
                    rest -= len(part)
                number += 1
    except (EOFError, OSError, zlib.error) as e:
        raise ValueError(
            f"{path} is not a complete TFRecord file: record {number} is "
            "longer than the rest of the file, or the file is damaged. Write "
            "or copy the file again."
        ) from e


def join_files(splits: Sequence[TFRecordSplit]) -> TFRecordSplit:
    """Merge several files into one split."""
    files = tuple(file for split in splits for file in split.files)
    return TFRecordSplit(files, splits[0].label_map)


def read(split: TFRecordSplit, options: ReadOptions) -> RawAnnotations:
    """Read the examples of TFRecord files; TensorFlow is required.

    The images are written to a temporary folder, which is removed when the
    process ends.

    Args:
        split: A `TFRecordSplit`.
        options: A `ReadOptions`. `class_names` are used if neither the
            examples nor a label map (`*.pbtxt`) name the classes.

    Returns:
        A `RawAnnotations`; classes are in the order of their numbers.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If a file is not complete.
    """
    raw = empty_annotations("rel_xyxy", LAYOUT.title, split.files)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keras_efficient_tfrecord_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    keys: list[list[ClassKey]] = []
    for path in split.files:
        _check_records(path)
        for i, example in enumerate(read_examples(path, KEYS)):
            where = f"{path}, example {i}"
            image = write_image(example, folder / str(len(keys)))
            if image is None:
                raw.dropped.append((NO_IMAGE, where))
                continue
            objects = objects_of(example)
            raw.dropped += [(NO_BOX, where)] * objects.num_unread
            keys.append(objects.classes)
            raw.images.append(_raw_image(example, objects, image, where))
    names, numbers = class_names(
        itertools.chain(*keys),
        read_label_map(split.label_map),
        options.class_names,
    )
    raw.class_names, raw.category_ids = tuple(numbers), tuple(numbers.values())
    label_of = {name: label for label, name in enumerate(numbers)}
    for raw_image, own in zip(raw.images, keys, strict=True):
        labels = [label_of.get(names[key], -1) for key in own]
        raw_image.labels = np.asarray(labels, "int64").reshape(-1)
    _make_ids_unique(raw.images)
    return raw


def _raw_image(
    example: Example, objects: Objects, image: pathlib.Path, where: str
) -> RawImage:
    return RawImage(
        image=image,
        boxes=objects.boxes,
        labels=[-1] * len(objects.boxes),
        image_id=image.name,
        is_crowd=objects.is_crowd,
        size=size_of(example),
        where=f"{where}, {image.name}",
        num_unread=objects.num_unread,
        background=NO_OBJECT,
    )


def _make_ids_unique(images: Sequence[RawImage]) -> None:
    counts = collections.Counter(image.image_id for image in images)
    for i, image in enumerate(images):
        if counts[image.image_id] > 1:
            image.image_id = f"{image.image_id} ({i})"


LAYOUT = Layout(
    name="tfrecord",
    title="TFRecord",
    expected="<split>.tfrecord or <split>.record of the Object Detection API, "
    "with label_map.pbtxt",
    find_splits=find_splits,
    read=read,
    endings=(".tfrecord", ".tfrecords", ".record", ".records", LABEL_MAP),
    source_endings=(".tfrecord", ".tfrecords", ".record", ".records"),
    join_files=join_files,
)
