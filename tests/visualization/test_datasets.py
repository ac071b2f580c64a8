import numpy as np

from keras_efficient.data import classification_from_arrays
from keras_efficient.data import detection_from_arrays
from keras_efficient.visualization import plot_dataset
from keras_efficient.visualization import plot_statistics
from tests.marks import on_one_backend

pytestmark = on_one_backend
IMAGES = np.full((3, 60, 80, 3), 90, "uint8")


def detection():
    boxes = [[[5, 5, 25, 30], [40, 20, 70, 50]], [[10, 10, 30, 20]], []]
    return detection_from_arrays(
        IMAGES, boxes, [[0, 1], [0], []], class_names=["cup", "key"]
    )


def test_a_sheet_shows_boxes(tmp_path):
    path = tmp_path / "sheet.png"
    sheet = plot_dataset(detection(), path)
    assert path.exists()
    # Boxes are drawn in saturated colors on the gray images.
    pixels = np.asarray(sheet).astype(int)
    is_colored = np.ptp(pixels, axis=-1) > 100
    assert is_colored.sum() > 100
    plain = plot_dataset(
        detection_from_arrays(IMAGES, [[[1, 1, 2, 2]], [], []], [[0], [], []])
    )
    assert is_colored.sum() > (np.ptp(np.asarray(plain), axis=-1) > 100).sum()


def test_a_sheet_of_a_classification_set_has_a_limit():
    dataset = classification_from_arrays(IMAGES, [0, 1, 1], ["cat", "dog"])
    whole = plot_dataset(dataset)
    assert plot_dataset(dataset, max_images=1).size < whole.size


def test_statistics_show_what_the_set_contains(tmp_path):
    figure = plot_statistics(detection(), tmp_path / "statistics.png")
    assert (tmp_path / "statistics.png").exists()
    classes, sizes, positions, images = figure.axes[:4]
    assert [bar.get_width() for bar in classes.patches] == [1, 2]
    assert [x.get_text() for x in classes.get_yticklabels()] == ["key", "cup"]
    assert sum(bar.get_height() for bar in sizes.patches) == 3
    assert positions.collections[0].get_array().sum() == 3
    assert images.collections[0].get_offsets().tolist() == [[80, 60]] * 3
    dataset = classification_from_arrays(IMAGES, [0, 1, 1], ["cat", "dog"])
    (axes,) = plot_statistics(dataset).axes
    assert [bar.get_width() for bar in axes.patches] == [1, 2]
