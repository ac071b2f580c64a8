"""Detection of objects in images of any size."""

import gc
import io
import itertools

import keras
import numpy as np
import pytest
from PIL import Image

from keras_efficient import kernels
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.inference import Predictor
from keras_efficient.inference import detect_each
from keras_efficient.inference.predictor import MAX_SHAPES
from keras_efficient.internals.bounded_cache import BoundedCache
from keras_efficient.postprocessing import postprocess
from tests.models.detectors import tiny
from tests.support.export import sharpen_detector

SIZES = [(50, 120), (200, 90), (64, 96), (333, 250), (64, 64)]
OPTIONS = {"score_threshold": 0.02, "max_detections": 20, "nms": "hard"}


@pytest.fixture(scope="module")
def model():
    """A detector with random weights and different scores."""
    keras.utils.set_random_seed(0)
    return sharpen_detector(tiny(), class_deviation=1.3)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3), "uint8") for size in SIZES]


def by_hand(model, image):
    """Return boxes in pixels of the image, scores and labels."""
    pixels, scale = DetectionPreprocessing(model.image_size)(image, exact=False)
    if model.class_head.data_format == "channels_first":
        pixels = pixels.transpose(2, 0, 1)
    outputs = model.predict(pixels[None], verbose=0)
    height, width = image.shape[:2]
    rows = postprocess(
        outputs["class_logits"],
        outputs["box_deltas"],
        model.generate_anchors(),
        image_sizes=np.array([[height * scale, width * scale]]),
        **OPTIONS,
    )
    rows = {k: keras.ops.convert_to_numpy(v)[0] for k, v in rows.items()}
    number = rows["num_detections"]
    return (
        rows["boxes"][:number] / scale,
        rows["scores"][:number],
        rows["labels"][:number],
    )


def check_same(found, expected):
    boxes, scores, labels = expected
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, boxes, atol=0.05)
    assert found.labels.tolist() == labels.tolist()


def test_equals_the_separate_steps(model, images):
    # Five images in batches of two: the last batch is filled up.
    found = model.detect(images, batch_size=2, **OPTIONS)
    assert len(found) == len(images)
    for image, detections in zip(images, found, strict=True):
        check_same(detections, by_hand(model, image))
        assert detections.image_size == image.shape[:2]
        assert detections.image is image
        assert len(detections) > 3
        height, width = image.shape[:2]
        assert (detections.boxes >= 0).all()
        assert (detections.boxes <= [width, height] * 2).all()


def test_all_types_of_images(model, images, tmp_path):
    picture = Image.fromarray(images[0])
    path = tmp_path / "a.png"
    picture.save(path)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    expected = model.detect(images[0], **OPTIONS)[0]
    for source in (str(path), path, stream.getvalue(), picture):
        (found,) = model.detect(source, **OPTIONS)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
    batch = model.detect(np.stack([images[2]] * 2), batch_size=2, **OPTIONS)
    assert len(batch) == 2
    assert model.detect([], **OPTIONS) == []


def test_class_names(model, images):
    names = ["one", "two", "three", "four", "five"][: model.num_classes]
    (found,) = model.detect(images[0], class_names=names, **OPTIONS)
    assert set(found.names) <= set(names) and len(found)
    (found,) = model.detect(images[0], **OPTIONS)
    assert found.class_names == model.class_names
    with pytest.raises(ValueError, match="Received: 1 names"):
        model.detect(images[0], class_names=["one"])


def test_changed_weights_are_used(model, images):
    before = model.detect(images[0], **OPTIONS)[0]
    bias = next(
        w
        for w in model.class_head.weights
        if w.path.endswith("bias")
        and w.shape[0] % model.num_classes == 0
        and "predict" in w.path
    )
    old = keras.ops.convert_to_numpy(bias).copy()
    bias.assign(old - 50)
    assert not len(model.detect(images[0], **OPTIONS)[0])
    bias.assign(old)
    after = model.detect(images[0], **OPTIONS)[0]
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-6)


def test_any_size_needs_preprocessing(images):
    model = tiny(input_shape=(None, None, 3))
    with pytest.raises(ValueError, match=r"pass `preprocessing`.*None"):
        model.detect(images[0])
    letterbox = DetectionPreprocessing((64, 96))
    (found,) = model.detect(
        images[0], preprocessing=letterbox, score_threshold=0.0
    )
    assert len(found) == 100


@pytest.mark.parametrize(
    "bad, message",
    [
        (3, "Image 1.*Received: int"),
        (np.zeros((4, 4, 3)), "Image 1: .*float64"),
        (b"no image", "Image 1: "),
    ],
    ids=["number", "float", "bytes"],
)
def test_bad_images_are_named(model, images, bad, message):
    with pytest.raises(ValueError, match=message):
        model.detect([images[0], bad], **OPTIONS)


def test_missing_file_and_bad_arguments(model, images, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.jpg"):
        model.detect([tmp_path / "gone.jpg"])
    with pytest.raises(ValueError, match="batch_size"):
        model.detect(images, batch_size=0)
    with pytest.raises(ValueError, match="nms='none'"):
        model.detect(images[0], nms="none")


def test_two_batches_are_read_ahead(model, images):
    taken = []

    def endless():
        for i in itertools.count():
            taken.append(i)
            yield images[i % len(images)]

    found = detect_each(model, endless(), batch_size=2, **OPTIONS)
    first = list(itertools.islice(found, 5))
    # The third batch is being processed, the fourth is read.
    assert len(taken) == 8
    expected = model.detect(images, batch_size=2, **OPTIONS)
    for result, other in zip(first, expected, strict=True):
        np.testing.assert_array_equal(result.boxes, other.boxes)


def test_images_that_cannot_be_read_are_skipped(model, images, tmp_path):
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_text("no image")
    errors = {}
    found = detect_each(
        model,
        [broken, missing, images[0], broken, images[1], images[2]],
        batch_size=2,
        on_error=errors.__setitem__,
        **OPTIONS,
    )
    for result, image in zip(found, images[:3], strict=True):
        assert result.image is image
    assert set(errors) == {broken, missing}
    assert isinstance(errors[missing], FileNotFoundError)


def test_options_are_checked_before_the_first_image(model):
    with pytest.raises(ValueError, match="nms"):
        detect_each(model, [], nms="medium")
    with pytest.raises(ValueError, match="batch_size"):
        detect_each(model, [], batch_size=0)


def test_progress(model, images):
    seen = []

    def progress(found, total):
        for one in found:
            seen.append((one.image_size, total))
            yield one

    found = model.detect(images[:3], progress=progress, batch_size=2, **OPTIONS)
    assert seen == [(size, 3) for size in SIZES[:3]]
    assert len(found) == 3


def test_other_thresholds_need_no_other_program(model, images, monkeypatch):
    for options in ({"score_threshold": 0.02}, {"nms": "soft"}):
        model.detect(images[:1], **options)
    compiled = []
    compile_function = kernels.compile_function

    def counted(*arguments):
        compiled.append(arguments)
        return compile_function(*arguments)

    monkeypatch.setattr(kernels, "compile_function", counted)
    numbers = [
        len(model.detect(images[:1], score_threshold=x, iou_threshold=y)[0])
        for x in (0.02, 0.1, 0.3)
        for y in (0.2, 0.9)
    ]
    assert len(set(numbers)) > 2
    sums = [
        model.detect(images[:1], nms="soft", sigma=x, score_threshold=0.01)[
            0
        ].scores.sum()
        for x in (0.1, 0.5, 0.9)
    ]
    assert sums[0] < sums[1] < sums[2]
    assert compiled == []
    model.detect(images[:1], max_detections=7)
    assert len(compiled) == 1


def test_programs_of_the_last_shapes_are_kept(model, monkeypatch):
    monkeypatch.setattr(
        kernels, "compile_function", lambda *_: lambda images: images
    )
    predictor = Predictor(model)
    sizes = range(1, MAX_SHAPES + 4)
    for size in sizes:
        predictor(np.zeros((size, 64, 96, 3), "float32"))
    kept = [x for x in gc.get_objects() if type(x) is BoundedCache]
    assert MAX_SHAPES in map(len, kept)
    assert max(map(len, kept)) == MAX_SHAPES


@pytest.mark.parametrize("batch_size", [2, 5])
def test_results_do_not_depend_on_the_batch(model, images, batch_size):
    alone = model.detect(images, batch_size=1, **OPTIONS)
    order = [3, 0, 4, 2, 1]
    together = model.detect(
        [images[i] for i in order], batch_size=batch_size, **OPTIONS
    )
    for i, found in zip(order, together, strict=True):
        assert found.labels.tolist() == alone[i].labels.tolist()
        np.testing.assert_allclose(found.scores, alone[i].scores, atol=1e-6)
        np.testing.assert_allclose(found.boxes, alone[i].boxes, atol=1e-4)


@pytest.mark.parametrize("number", [0, 10**9])
def test_number_of_rows_is_bounded(model, images, number):
    with pytest.raises(ValueError, match="from 1 to 100,000. Received"):
        model.detect(images, max_detections=number)
