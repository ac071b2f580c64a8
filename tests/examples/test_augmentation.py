"""Examples that augment with layers of Keras and of KerasCV."""

import numpy as np
import pytest
from PIL import Image

import keras_efficient
from tests.data import painted
from tests.examples.running import functions_of
from tests.examples.running import run

pytest.importorskip("tensorflow", reason="the layers run in tf.data")

SIZE = (96, 128)
BOXES = ([10, 12, 46, 40], [70, 20, 110, 52], [30, 54, 64, 86])
SPLIT = "train"


def painted_batches():
    """Return two batches of four images with boxes around colored areas."""
    samples = [
        painted.paint(*SIZE, np.array(BOXES) + 2 * shift, range(3))
        for shift in range(4)
    ]
    dataset = keras_efficient.data.detection_from_arrays(
        [sample.image for sample in samples] * 2,
        [sample.boxes for sample in samples] * 2,
        [sample.labels for sample in samples] * 2,
    )
    return dataset.batches(SIZE, batch_size=4, drop_remainder=True)


def check_painted(batches, name, ask=8):
    """Check in many augmented images that each box surrounds its color."""
    seen, moved = 0, 0
    for _, (images, boxes, labels) in zip(range(ask), batches, strict=False):
        for image, rows, classes in zip(images, boxes, labels, strict=True):
            is_box = classes >= 0
            sample = keras_efficient.data.DetectionSample(
                image, rows[is_box], classes[is_box].astype("int32")
            )
            # Pixels at an edge are mixtures.
            seen += painted.check(sample, 3, atol=2.5, min_side=6)
            moved += not np.allclose(rows[is_box][:3] % 2, 0)
    assert seen > 6 * ask and moved, name


def write_flowers(folder):
    rng = np.random.default_rng(0)
    for i in range(4):
        path = folder / SPLIT / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (40, 52, 3), "uint8")
        Image.fromarray(pixels).save(path)
    return folder


def write_cells(folder):
    for name in ("images", "labels"):
        (folder / SPLIT / name).mkdir(parents=True)
    sample = painted.paint(*SIZE, BOXES[:1])
    for i in range(4):
        path = folder / SPLIT / "images" / f"{i}.png"
        Image.fromarray(sample.image).save(path)
        label = folder / SPLIT / "labels" / f"{i}.txt"
        label.write_text("0 0.21875 0.2708 0.28125 0.2917\n")
    (folder / "data.yaml").write_text("names: [cell]\n")
    return folder


def test_layers_of_keras_keep_boxes_where_objects_are():
    example = functions_of("augment_with_keras.py")
    layers = example["detector_layers"]()
    moving = type(layers)(layers.layers[:-1])  # without color
    dataset = example["augment"](painted_batches(), moving)
    assert len(dataset) == 2
    check_painted(
        (
            (images.numpy(), truth["boxes"].numpy(), truth["labels"].numpy())
            for images, truth in dataset.repeat()
        ),
        "keras",
    )


def test_layers_of_keras_mix_classes():
    example = functions_of("augment_with_keras.py")
    images = np.zeros((8, 40, 40, 3), "uint8")
    images[1::2] = 200
    batches = keras_efficient.data.classification_from_arrays(
        images, [0, 1] * 4
    ).batches(40, batch_size=4, drop_remainder=True)
    dataset = example["augment"](batches, example["classifier_layers"]())
    labels = np.concatenate([y.numpy() for _, y in dataset.repeat(8)])
    assert labels.shape == (64, 2)
    np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-6)
    assert ((labels > 0.02) & (labels < 0.98)).any(), "nothing was mixed"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "detection"])
def test_augment_with_keras(tmp_path, kind):
    is_detection = kind == "detection"
    write = write_cells if is_detection else write_flowers
    picture = tmp_path / "augmented.png"
    output = run(
        "augment_with_keras.py",
        *(write(tmp_path / "set"), "--weights", "none", "--image-size", "64"),
        *("--batch-size", "2", "--picture", picture),
        *(["--detection"] if is_detection else []),
    )
    assert "2/2" in output, "both batches"
    assert ("box_loss" if is_detection else "accuracy") in output
    with Image.open(picture) as drawn:
        assert drawn.width > drawn.height


def keras_cv():
    """Import KerasCV, or skip with the command that installs it."""
    return pytest.importorskip(
        "keras_cv", reason='pip install "keras-efficient[keras-cv]"'
    )


@pytest.mark.filterwarnings("ignore")
def test_layers_of_keras_cv_keep_boxes_where_objects_are():
    module = keras_cv()
    example = functions_of("augment_with_keras_cv.py")
    moving = [
        layer
        for layer in example["layers"](SIZE)
        # Mosaics have several boxes of a class; see the next test.
        if not isinstance(
            layer, module.layers.RandomColorJitter | module.layers.Mosaic
        )
    ]
    assert len(moving) == 2
    dataset = example["augment"](painted_batches(), moving, max_boxes=9)
    check_painted(as_numpy(dataset.repeat()), "keras_cv")


@pytest.mark.filterwarnings("ignore")
def test_mosaics_of_keras_cv_have_the_boxes_of_four():
    keras_cv()
    example = functions_of("augment_with_keras_cv.py")
    mosaic = example["layers"](SIZE)[1]
    dataset = example["augment"](painted_batches(), [mosaic], max_boxes=12)
    for images, boxes, classes in as_numpy(dataset):
        assert images.shape == (4, *SIZE, 3) and boxes.shape == (4, 12, 4)
        assert (classes >= 0).sum() > 4
        for image, rows, labels in zip(images, boxes, classes, strict=True):
            for box, label in zip(rows, labels, strict=True):
                if label < 0 or (box[2:] - box[:2]).min() < 10:
                    continue
                left, top, right, bottom = (int(x) for x in box)
                middle = image[(top + bottom) // 2, (left + right) // 2]
                paint = painted.PAINTS[int(label)]
                assert np.abs(middle - paint).max() < 105, (box, label)


def as_numpy(dataset):
    """Convert batches in the format of KerasCV to arrays."""
    for batch in dataset:
        boxes = batch["bounding_boxes"]
        yield (
            batch["images"].numpy(),
            boxes["boxes"].numpy(),
            boxes["classes"].numpy(),
        )


@pytest.mark.slow
def test_augment_with_keras_cv(tmp_path):
    keras_cv()
    picture = tmp_path / "augmented.png"
    output = run(
        "augment_with_keras_cv.py",
        *(write_cells(tmp_path / "set"), "--weights", "none"),
        *("--image-size", "64", "--batch-size", "2", "--picture", picture),
    )
    assert "2/2" in output and "box_loss" in output
    assert picture.exists()
