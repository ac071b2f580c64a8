"""The table of layouts: a row is all that a new one needs."""

import pytest

from keras_efficient import data
from keras_efficient.data.readers import layouts
from keras_efficient.data.readers.annotations import Layout
from keras_efficient.data.readers.annotations import RawAnnotations
from keras_efficient.data.readers.annotations import RawImage
from keras_efficient.data.readers.folder_listing import FolderListing
from tests.data.annotated import boxes_of
from tests.data.annotated import write_image
from tests.data.annotated import write_text
from tests.marks import on_one_backend

pytestmark = on_one_backend


def find_splits(listing):
    if listing.is_file:
        return {None: listing.source}
    return {x.stem: x for x in listing.files(listing.root, ".csv")}


def read(path, options):
    images = []
    for line in path.read_text().splitlines():
        name, *box = line.split(",")
        folder = options.images or path.parent
        images.append(RawImage(folder / name, [box], [0], name))
    return RawAnnotations(images, ("cell",), (1,), "xyxy", "Rows", path)


ROWS = Layout(
    name="rows",
    title="Rows",
    expected="<split>.csv",
    find_splits=find_splits,
    read=read,
    endings=(".csv",),
    source_endings=(".csv",),
    has_images_option=True,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "LAYOUTS", (*layouts.LAYOUTS, ROWS))
    write_image(tmp_path / "a.jpg")
    write_text(tmp_path / "train.csv", "a.jpg,1,2,30,20\n")
    return tmp_path


def test_a_row_of_the_table_is_enough(folder):
    for source in (folder, folder / "train.csv"):
        dataset = data.load_detection(source, strict=True)
        assert boxes_of(dataset) == {"a.jpg": [[1, 2, 30, 20]]}
        assert dataset.report.layout == "Rows"
    assert data.find_task(folder) == "detection"
    assert len(data.load_detection(folder, "training", layout="rows")) == 1
    write_image(folder / "elsewhere" / "a.jpg", 40, 60)
    dataset = data.load_detection(folder, images=folder / "elsewhere")
    assert dataset.records[0].size == (40, 60)


def test_messages_name_the_new_layout(folder):
    (folder / "train.csv").unlink()
    with pytest.raises(ValueError, match="Rows: <split>.csv"):
        data.load_detection(folder)
    with pytest.raises(ValueError, match="must be one of .*'rows'"):
        data.load_detection(folder, layout="other")


def test_only_plausible_readers_are_asked(folder, monkeypatch):
    asked = []
    spies = tuple(
        Layout(
            x.name, x.title, x.expected,
            lambda path, name=x.name: asked.append(name) or {},
            x.read, x.endings,
        )
        for x in layouts.LAYOUTS
    )  # fmt: skip
    monkeypatch.setattr(layouts, "LAYOUTS", spies)
    assert layouts.split_names(FolderListing(folder)) == set()
    assert asked == ["open_images", "csv", "rows"]
    write_text(folder / "labels" / "train" / "a.TXT", "0 0.5 0.5 1 1")
    layouts.split_names(FolderListing(folder))
    plausible = [x.name for x in spies if {".csv", ".txt"} & {*x.endings}]
    assert asked[3:] == plausible and "coco" not in plausible
