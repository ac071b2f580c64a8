"""What the fuzzer reads: each target has seed files and a function."""

import dataclasses
import os
import pathlib
import random
import warnings
from collections.abc import Callable

import numpy as np

from keras_efficient import data
from keras_efficient.data.images import image_frame
from tests.fuzz import seeds
from tests.fuzz import weight_targets
from tests.fuzz.mutations import Files

# Characters of a printed report, and of an error message.
MAX_REPORT = 50_000
MAX_MESSAGE = 10_000
# Classes of a data set of files as small as these.
MAX_CLASSES = 100_001


@dataclasses.dataclass(frozen=True)
class Target:
    """A reader and its files.

    To add one, append it to `TARGETS`.

    Attributes:
        name: Value of the option `--reader`.
        make_seed: Function from a random state to the files of a valid data
            set, by their paths.
        run: Function that reads the folder of the files and asserts that the
            result is valid. Accepted errors are those of `errors`.
        errors: Types of errors that invalid files may cause. Their messages
            must name a file or the folder.
        module: Package that must be installed, or an empty string.
        max_seconds: Float, processor time of one execution.
        max_megabytes: Integer, growth of the memory in one execution.
        may_read_outside: Boolean, whether files may name places outside.
        image_weight: Float, how often images are changed, relative to one in
            seven for each.
    """

    name: str
    make_seed: Callable[[random.Random], Files]
    run: Callable[[pathlib.Path], None]
    errors: tuple[type[Exception], ...] = (ValueError, OSError)
    module: str = ""
    max_seconds: float = 2.0
    max_megabytes: int = 200
    may_read_outside: bool = False
    image_weight: float = 1.0


def _detection(
    layout: str, *files: str, outside: bool = False
) -> Callable[[pathlib.Path], None]:
    """Return a function that reads a layout, of a file if there is one."""

    def run(folder: pathlib.Path) -> None:
        paths = [folder / name for name in files]
        source = next((x for x in paths if x.is_file()), folder)
        dataset = data.load_detection(source, layout=layout, check="header")
        check_detection(dataset, folder, outside)

    return run


def check_detection(
    dataset: data.DetectionDataset, folder: pathlib.Path, outside: bool
) -> None:
    """Assert that boxes, labels and images are valid."""
    assert len(str(dataset.report)) < MAX_REPORT, "long report"
    assert 0 < dataset.num_classes <= MAX_CLASSES
    assert len(dataset.category_ids) == dataset.num_classes
    assert len({record.image_id for record in dataset.records}) == len(dataset)
    for record in dataset.records:
        boxes, (height, width) = record.boxes, record.size
        assert boxes.shape == (len(record.labels), 4)
        assert np.isfinite(boxes).all() and (boxes >= 0).all()
        assert (boxes[:, 2:] <= (width, height)).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        assert (record.labels >= 0).all()
        assert (record.labels < dataset.num_classes).all()
        if record.areas is not None:
            assert np.isfinite(record.areas).all()
        _check_image(record.image, folder, outside)


def check_classification(
    dataset: data.ClassificationDataset, folder: pathlib.Path
) -> None:
    """Assert that labels and images are valid."""
    assert len(str(dataset.report)) < MAX_REPORT, "long report"
    assert 0 < dataset.num_classes <= MAX_CLASSES
    for record in dataset.records:
        assert all(0 <= x < dataset.num_classes for x in record.labels)
        _check_image(record.image, folder, False)


def _check_image(image: object, folder: pathlib.Path, outside: bool) -> None:
    if isinstance(image, np.ndarray):
        assert image.dtype == np.uint8 and image.ndim == 3 and image.size
        return
    path = os.path.normpath(str(image))
    assert os.path.isfile(path), f"image is no file: {path[:99]}"
    is_inside = path.startswith((str(folder), str(data_folder(folder))))
    assert is_inside or outside, f"image outside: {path[:99]}"


def data_folder(folder: pathlib.Path) -> pathlib.Path:
    """Return the folder of temporary files that belongs to a data set."""
    return folder.parent / "temporary"


def _run_class_table(folder: pathlib.Path) -> None:
    file = folder / "train.csv"
    source = file if file.is_file() else folder
    found = data.load_classification(source, check="header")
    check_classification(found, folder)


def _run_classification(folder: pathlib.Path) -> None:
    check_classification(data.load_classification(folder), folder)


def _run_npz(folder: pathlib.Path) -> None:
    path = folder / "data.npz"
    check_classification(data.load_classification(path), folder)


def _run_images(folder: pathlib.Path) -> None:
    for path in sorted(folder.iterdir()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = data.load_image(path)
            except ValueError:
                assert not _is_valid(path), "readable with a header"
                raise
        assert image.dtype == np.uint8 and image.shape[2] == 3
        assert image.shape[:2] == image_frame(path).size


def _is_valid(path: pathlib.Path) -> bool:
    try:
        image_frame(path, decode=True)
    except ValueError:
        return False
    return True


def _run_recognition(folder: pathlib.Path) -> None:
    """Recognize the task, and load it as the commands do."""
    if data.find_task(folder) == "classification":
        _run_class_table(folder)
    else:
        for dataset in data.load_all_splits(folder, check="header").values():
            check_detection(dataset, folder, outside=True)


def _any_seed(rng: random.Random) -> Files:
    return rng.choice(ANY)(rng)


ANY = (
    seeds.coco, seeds.voc, seeds.yolo, seeds.labelme, seeds.cvat,
    seeds.label_studio, seeds.yolo_rows, seeds.open_images, seeds.csv_boxes,
    seeds.imagefolder, seeds.class_table, seeds.image_folder,
)  # fmt: skip
TARGETS: tuple[Target, ...] = (
    Target("coco", seeds.coco, _detection("coco", "boxes.json")),
    Target("voc", seeds.voc, _detection("voc")),
    Target(
        "yolo",
        seeds.yolo,
        _detection("yolo", "data.yaml", "obj.data", outside=True),
        may_read_outside=True,
    ),
    Target("labelme", seeds.labelme, _detection("labelme")),
    Target("cvat", seeds.cvat, _detection("cvat", "annotations.xml")),
    Target(
        "label_studio",
        seeds.label_studio,
        _detection("label_studio", "project.json"),
    ),
    Target(
        "yolo_rows",
        seeds.yolo_rows,
        _detection("yolo_rows", outside=True),
        may_read_outside=True,
    ),
    Target("open_images", seeds.open_images, _detection("open_images")),
    Target("csv", seeds.csv_boxes, _detection("csv", "boxes.csv")),
    Target("imagefolder", seeds.imagefolder, _detection("imagefolder")),
    Target(
        "tfrecord",
        seeds.tfrecord,
        _detection("tfrecord"),
        module="tensorflow",
    ),
    Target("class_table", seeds.class_table, _run_class_table),
    Target("image_folder", seeds.image_folder, _run_classification),
    Target("images", seeds.images, _run_images, max_megabytes=600),
    Target("npz", seeds.npz, _run_npz),
    Target(
        "recognition",
        _any_seed,
        _run_recognition,
        may_read_outside=True,
        image_weight=0.3,
    ),
)


TARGETS += tuple(
    Target(name, make_seed, weight_targets.run)
    for name, make_seed in weight_targets.SEEDS.items()
)


def target_named(name: str) -> Target:
    """Return a target.

    Raises:
        ValueError: If there is none of this name.
    """
    for target in TARGETS:
        if target.name == name:
            return target
    names = ", ".join(target.name for target in TARGETS)
    raise ValueError(f"`reader` must be one of {names}. Received: {name!r}")
