"""Writing of datasets with boxes in common layouts."""

import json
import pathlib
import shutil
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import yaml
from PIL import Image

from keras_efficient.atomic_writes import atomic_folder
from keras_efficient.data.detection_datasets import DetectionDataset
from keras_efficient.data.records import DetectionRecord
from keras_efficient.types import PathLike

EDGES = ("xmin", "ymin", "xmax", "ymax")

# Records of a split with the names of their files.
Named: TypeAlias = Sequence[tuple[str, DetectionRecord]]


def save_detection(
    datasets: DetectionDataset | Mapping[str, DetectionDataset],
    folder: PathLike,
    layout: str = "coco",
    overwrite: bool = False,
) -> pathlib.Path:
    """Write datasets with boxes into a folder that `load_detection` reads.

    Image files are copied unchanged, arrays are written as PNG files.

    - `"coco"`: `annotations/instances_<split>.json` and `<split>/`.
    - `"voc"`: `Annotations/`, `JPEGImages/` and
      `ImageSets/Main/<split>.txt`.
    - `"yolo"`: `images/<split>/`, `labels/<split>/` and `data.yaml`.

    Pascal VOC and YOLO cannot represent boxes around crowds, nor the areas of
    objects; such boxes are left out with a warning.

    Args:
        datasets: A `DetectionDataset`, or a dict from names of splits to
            datasets with the same classes. A single dataset is written as the
            split `"train"`.
        folder: Path of the folder to create.
        layout: `"coco"`, `"voc"` or `"yolo"`. Defaults to `"coco"`.
        overwrite: Boolean, whether to replace a folder that is not empty.
            Defaults to `False`.

    Returns:
        The path of the folder.

    Raises:
        FileExistsError: If the folder is not empty and `overwrite` is `False`.
        ValueError: If `layout` is unknown, or the classes differ.

    Example:
    >>> import tempfile
    >>> dataset = keras_efficient.data.detection_from_arrays(
    ...     np.zeros((1, 60, 80, 3), "uint8"),
    ...     [[[5, 5, 25, 30]]],
    ...     [[0]],
    ...     ["cup"],
    ... )
    >>> folder = tempfile.mkdtemp()
    >>> path = keras_efficient.data.save_detection(dataset, folder, "yolo")
    >>> keras_efficient.data.load_detection(path, "train").class_names
    ('cup',)
    """
    if layout not in _WRITERS:
        raise ValueError(
            f"`layout` must be one of {tuple(_WRITERS)}. "
            f"Received: layout={layout!r}"
        )
    if isinstance(datasets, DetectionDataset):
        datasets = {"train": datasets}
    _check_splits(datasets)
    path = pathlib.Path(folder)
    with atomic_folder(path, overwrite) as temporary:
        taken: set[str] = set()
        for split, dataset in datasets.items():
            named = _named_records(dataset, taken)
            if layout != "coco":
                _warn_of_crowds(dataset, layout)
            _WRITERS[layout](temporary, split, dataset, named)
    return path


def _check_splits(datasets: Mapping[str, DetectionDataset]) -> None:
    names = {dataset.class_names for dataset in datasets.values()}
    if len(names) != 1:
        raise ValueError(
            "`datasets` must have at least one dataset, and all the same "
            f"classes. Received: splits {list(datasets)} with the classes "
            f"{sorted(names)}"
        )
    for split in datasets:
        if not split or split != pathlib.PurePath(split).name:
            raise ValueError(
                f"Names of splits must be names of files. Received: {split!r}"
            )


def _warn_of_crowds(dataset: DetectionDataset, layout: str) -> None:
    count = sum(int(record.is_crowd.sum()) for record in dataset.records)
    if count:
        warnings.warn(
            f"{count} boxes around crowds are left out: the layout {layout!r} "
            "cannot represent them. Use layout='coco' to keep them.",
            stacklevel=3,
        )


def _named_records(dataset: DetectionDataset, taken: set[str]) -> Named:
    """Records with names of files of which not even the stems are equal."""
    named = []
    for i, record in enumerate(dataset.records):
        is_array = isinstance(record.image, np.ndarray)
        source = pathlib.Path(f"{i:06}.png" if is_array else record.image)
        stem, number = source.stem, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{source.stem}_{number}"
        taken.add(stem.casefold())
        named.append((f"{stem}{source.suffix}", record))
    return named


def _write_image(record: DetectionRecord, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(record.image, np.ndarray):
        Image.fromarray(record.image).save(path)
    else:
        shutil.copyfile(record.image, path)


def _write_coco(
    root: pathlib.Path, split: str, dataset: DetectionDataset, named: Named
) -> None:
    images: list[dict] = []
    rows: list[dict] = []
    for number, (name, record) in enumerate(named, 1):
        _write_image(record, root / split / name)
        height, width = record.size
        images.append(
            {"id": number, "file_name": name, "height": height, "width": width}
        )
        boxes = record.boxes.astype("float64")
        sides = boxes[:, 2:] - boxes[:, :2]
        areas = sides.prod(-1) if record.areas is None else record.areas
        for box, side, label, crowd, area in zip(
            boxes, sides, record.labels, record.is_crowd, areas, strict=True
        ):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": number,
                    "category_id": dataset.category_ids[label],
                    "bbox": [*box[:2].tolist(), *side.tolist()],
                    "area": float(area),
                    "iscrowd": int(crowd),
                }
            )
    categories = [
        {"id": number, "name": name}
        for number, name in zip(
            dataset.category_ids, dataset.class_names, strict=True
        )
    ]
    content = {"images": images, "annotations": rows, "categories": categories}
    file = root / "annotations" / f"instances_{split}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _write_voc(
    root: pathlib.Path, split: str, dataset: DetectionDataset, named: Named
) -> None:
    stems = []
    for name, record in named:
        _write_image(record, root / "JPEGImages" / name)
        tree = ElementTree.Element("annotation")
        ElementTree.SubElement(tree, "filename").text = name
        size = ElementTree.SubElement(tree, "size")
        for key, value in zip(
            ("width", "height", "depth"), (*record.size[::-1], 3), strict=True
        ):
            ElementTree.SubElement(size, key).text = str(value)
        for box, label in _single_objects(record):
            item = ElementTree.SubElement(tree, "object")
            class_name = dataset.class_names[label]
            ElementTree.SubElement(item, "name").text = class_name
            edges = ElementTree.SubElement(item, "bndbox")
            for edge, value in zip(EDGES, box, strict=True):
                ElementTree.SubElement(edges, edge).text = repr(float(value))
        stem = pathlib.PurePath(name).stem
        file = root / "Annotations" / f"{stem}.xml"
        file.parent.mkdir(exist_ok=True)
        ElementTree.ElementTree(tree).write(file, encoding="utf-8")
        stems.append(stem)
    file = root / "ImageSets" / "Main" / f"{split}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{x}\n" for x in stems), encoding="utf-8")


def _write_yolo(
    root: pathlib.Path, split: str, dataset: DetectionDataset, named: Named
) -> None:
    for name, record in named:
        _write_image(record, root / "images" / split / name)
        sides = np.array(record.size[::-1], "float64")
        lines = []
        for box, label in _single_objects(record):
            center = (box[:2] + box[2:]) / 2 / sides
            extent = (box[2:] - box[:2]) / sides
            numbers = (float(x) for x in (*center, *extent))
            lines.append(f"{label} {' '.join(map(repr, numbers))}\n")
        file = (root / "labels" / split / name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(lines), encoding="utf-8")
    file = root / "data.yaml"
    keys = {}
    if file.exists():
        keys = yaml.safe_load(file.read_text(encoding="utf-8"))
        del keys["names"]
    keys[split] = f"images/{split}"
    keys["names"] = dict(enumerate(dataset.class_names))
    text = yaml.safe_dump(keys, sort_keys=False, allow_unicode=True)
    file.write_text(text, encoding="utf-8")


def _single_objects(
    record: DetectionRecord,
) -> list[tuple[np.ndarray, int]]:
    """Boxes as float64 with labels, without those around crowds."""
    boxes = record.boxes.astype("float64")
    return [
        (boxes[i], int(record.labels[i]))
        for i in np.flatnonzero(~record.is_crowd)
    ]


_WRITERS: Mapping[
    str, Callable[[pathlib.Path, str, DetectionDataset, Named], None]
] = {"coco": _write_coco, "voc": _write_voc, "yolo": _write_yolo}
