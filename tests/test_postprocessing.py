"""Tests for the conversion of outputs into detections.

The golden values are from `postprocess.py` of google/automl.
"""

import keras
import numpy as np
import pytest

from keras_efficient import ops
from keras_efficient.postprocessing import PostProcessing
from keras_efficient.postprocessing import postprocess
from tests.converters import checkpoints
from tests.marks import on_one_backend

SIZE = 128
AUTOML_GLOBAL = {
    "class_agnostic": True,
    "candidates": "best_class",
    "max_candidates": None,
}
ALL_BEST = {"candidates": "best_class", "max_candidates": None, "clip": None}
PAIRS = {"clip": None}


@pytest.fixture(scope="module")
def outputs():
    """Outputs of D0 at 128 pixels, the input of the golden values."""
    rng = np.random.RandomState(11)
    shapes = [(1, side, side) for side in (16, 8, 4, 2, 1)]
    logits = [rng.normal(-4, 1.5, (*s, 810)).astype("float32") for s in shapes]
    deltas = [rng.normal(0, 0.3, (*s, 36)).astype("float32") for s in shapes]
    return (
        np.concatenate([x.reshape(1, -1, 90) for x in logits], 1),
        np.concatenate([x.reshape(1, -1, 4) for x in deltas], 1),
        ops.generate_anchors((SIZE, SIZE), aspect_ratios=(1.0, 2.0, 0.5)),
    )


def found(outputs, scale=2.0, **options):
    """Return NumPy arrays: boxes in pixels of the image, classes from 1."""
    result = postprocess(
        *outputs, image_sizes=np.full((1, 2), SIZE, "float32"), **options
    )
    result = {k: keras.ops.convert_to_numpy(v) for k, v in result.items()}
    return (
        result["boxes"][0] * scale,
        result["scores"][0],
        result["labels"][0] + 1,
        int(result["num_detections"][0]),
    )


def test_golden_of_class_agnostic_soft_suppression(outputs):
    boxes, scores, labels, number = found(outputs, **AUTOML_GLOBAL)
    assert number == 100
    assert scores.sum() == pytest.approx(60.07915, abs=2e-4)
    assert boxes.sum() == pytest.approx(50942.8337, abs=0.1)
    assert labels.sum() == 4543
    assert labels[:5].tolist() == [68, 41, 74, 14, 27]
    np.testing.assert_allclose(
        scores[:5],
        [0.9585855, 0.9349602, 0.9142001, 0.8995568, 0.8959824],
        atol=1e-6,
    )
    # Golden boxes are yxyx.
    np.testing.assert_allclose(
        boxes[0], [81.78479, 6.30255, 132.52879, 43.76625], atol=1e-3
    )
    np.testing.assert_allclose(
        boxes[1], [218.99413, 0, 256, 118.59332], atol=1e-3
    )


@pytest.mark.parametrize(
    "options, score_sum, box_sum, class_sum",
    [
        ({"nms": "hard", **AUTOML_GLOBAL}, 80.85220, 50284.498, 4375),
        (ALL_BEST, 81.496146, 52850.4222, 4174),
        (PAIRS, 81.554733, 52981.4153, 4182),
        ({"nms": "hard", **ALL_BEST}, 81.767123, None, 4293),
        ({"nms": "hard", **PAIRS}, 81.808120, None, 4281),
    ],
    ids=["agnostic hard", "soft", "soft pairs", "hard", "hard pairs"],
)
def test_golden_sums(outputs, options, score_sum, box_sum, class_sum):
    boxes, scores, labels, _ = found(outputs, **options)
    assert scores.sum() == pytest.approx(score_sum, abs=2e-4)
    assert labels.sum() == class_sum
    if box_sum is not None:
        assert boxes.sum() == pytest.approx(box_sum, abs=0.1)


@on_one_backend
def test_clipping_is_optional(outputs):
    boxes, *_ = found(outputs, **ALL_BEST)
    np.testing.assert_allclose(
        boxes[1], [218.99413, -6.97685, 315.73959, 118.59332], atol=1e-3
    )
    for clip in ("after", "before"):
        boxes, *_ = found(outputs, clip=clip, scale=1.0)
        assert boxes.min() == 0 and boxes.max() == SIZE
    # Clipping changes overlaps, so that the order of the steps matters.
    first = found(outputs, clip="before")[1]
    last = found(outputs, clip="after")[1]
    assert np.abs(first - last).max() > 1e-3


@pytest.mark.parametrize(
    "nms", [pytest.param("soft", marks=pytest.mark.slow), "hard"]
)
def test_equal_to_effdet(outputs, nms):
    checkpoints.import_peer("effdet")
    torch = pytest.importorskip("torch")
    peer = checkpoints.import_peer("effdet.anchors")
    logits, deltas, anchors = (torch.from_numpy(np.array(x)) for x in outputs)
    best, index = torch.topk(logits.reshape(-1), k=5000)
    rows = peer.generate_detections(
        best[:, None],
        deltas[0][index // 90],
        anchors,
        index // 90,
        index % 90,
        torch.tensor(2.0),
        torch.tensor([2.0 * SIZE, 2.0 * SIZE]),
        soft_nms=nms == "soft",
    ).numpy()
    boxes, scores, labels, _ = found(
        outputs, clip="before", nms=nms, score_threshold=0.001
    )
    np.testing.assert_allclose(scores, rows[:, 4], atol=2e-6)
    np.testing.assert_allclose(boxes, rows[:, :4], atol=1e-3)
    assert labels.tolist() == rows[:, 5].tolist()


def test_images_of_a_batch_are_independent(outputs):
    logits, deltas, anchors = outputs
    batch = postprocess(
        np.concatenate([logits, logits[:, ::-1]]),
        np.concatenate([deltas, deltas[:, ::-1]]),
        anchors,
        image_sizes=np.array([[128, 128], [64, 100]]),
        max_detections=7,
    )
    for i, (x, y) in enumerate(
        [(logits, deltas), (logits[:, ::-1], deltas[:, ::-1])]
    ):
        alone = postprocess(
            np.ascontiguousarray(x),
            np.ascontiguousarray(y),
            anchors,
            image_sizes=np.array([[[128, 128], [64, 100]][i]]),
            max_detections=7,
        )
        for name, value in alone.items():
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(batch[name][i]),
                keras.ops.convert_to_numpy(value[0]),
                atol=1e-4,
            )
    boxes = keras.ops.convert_to_numpy(batch["boxes"][1])
    assert boxes.max(axis=0).tolist()[2:] == [100, 64]


def test_nothing_found(outputs):
    logits, deltas, anchors = outputs
    result = postprocess(logits - 30, deltas, anchors, max_detections=5)
    result = {k: keras.ops.convert_to_numpy(v) for k, v in result.items()}
    assert result["num_detections"].tolist() == [0]
    assert result["labels"].tolist() == [[-1] * 5]
    assert not result["boxes"].any() and not result["scores"].any()


def test_fewer_anchors_than_candidates_and_rows():
    anchors = np.array([[0, 0, 8, 8], [0, 50, 8, 58]], "float32")
    logits = np.array([[[1.0, 2.0], [3.0, -1.0]]], "float32")
    result = postprocess(logits, np.zeros((1, 2, 4)), anchors)
    labels = keras.ops.convert_to_numpy(result["labels"])[0]
    assert labels.tolist() == [0, 1, 0, 1] + [-1] * 96
    boxes = keras.ops.convert_to_numpy(result["boxes"])[0]
    assert boxes[0].tolist() == [50, 0, 58, 8]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"nms": "weighted"}, "nms='weighted'"),
        ({"candidates": "all"}, "candidates='all'"),
        ({"clip": True}, "clip=True"),
        ({"score_threshold": 1.5}, "score_threshold=1.5"),
        ({"iou_threshold": -1}, "iou_threshold=-1"),
        ({"sigma": 0.0}, "sigma=0.0"),
        ({"max_detections": 0}, "max_detections=0"),
        ({"max_candidates": 0}, "max_candidates=0"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(outputs, options, message):
    with pytest.raises(ValueError, match=message):
        postprocess(*outputs, **options)


def test_layer_within_a_model(outputs):
    logits, deltas, anchors = outputs
    options = {"nms": "hard", "max_detections": 9}
    inputs = {
        "class_logits": keras.Input(logits.shape[1:]),
        "box_deltas": keras.Input(deltas.shape[1:]),
    }
    sizes = keras.Input((2,))
    layer = PostProcessing(anchors, options)
    rows = layer((inputs, sizes))
    assert rows["boxes"].shape == (None, 9, 4)
    assert rows["num_detections"].dtype == "int32"
    model = keras.Model([inputs, sizes], rows)
    x = {"class_logits": logits, "box_deltas": deltas}
    image_sizes = np.full((1, 2), SIZE, "float32")
    got = model.predict([x, image_sizes], verbose=0)
    expected = postprocess(*outputs, image_sizes=image_sizes, **options)
    for name, value in expected.items():
        value = keras.ops.convert_to_numpy(value)
        np.testing.assert_allclose(got[name], value, atol=1e-4)
    again = PostProcessing.from_config(layer.get_config())
    assert again.options == options
    np.testing.assert_array_equal(again.anchors, anchors)
