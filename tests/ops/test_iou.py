import keras
import numpy as np
import pytest

from keras_efficient import ops
from keras_efficient.ops.iou import enclosing_sides
from keras_efficient.ops.iou import intersection_and_union

BOXES = np.array([[0, 0, 4, 6], [2, 3, 6, 9], [1, 1, 1, 5]], "float32")


def unchanged(x):
    return x


@pytest.fixture(params=[unchanged, keras.ops.convert_to_tensor])
def convert(request):
    """Convert to NumPy arrays, or to tensors of the backend."""
    return request.param


def numpy_of(x):
    return keras.ops.convert_to_numpy(x)


def random_boxes(*shape):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 20, (*shape, 2))
    high = low + rng.uniform(1, 9, (*shape, 2))
    return np.concatenate([low, high], -1).astype("float32")


def test_all_pairs(convert):
    iou = ops.box_iou(convert(BOXES), convert(BOXES[:2]))
    assert isinstance(iou, np.ndarray) == (convert is unchanged)
    expected = [[1, 6 / 42], [6 / 42, 1], [0, 0]]
    np.testing.assert_allclose(numpy_of(iou), expected, rtol=1e-6)
    flat = convert(BOXES[2:])
    assert numpy_of(ops.box_iou(flat, flat)).tolist() == [[0.0]]


def test_array_and_tensor_result_in_a_tensor():
    iou = ops.box_iou(BOXES, keras.ops.convert_to_tensor(BOXES))
    assert keras.ops.is_tensor(iou)
    np.testing.assert_allclose(numpy_of(iou)[0, 1], 6 / 42, rtol=1e-6)


def test_batches_of_boxes(convert):
    boxes = random_boxes(3, 5)
    found = numpy_of(ops.box_iou(convert(boxes), convert(boxes[:, :4])))
    assert found.shape == (3, 5, 4)
    one = numpy_of(ops.box_iou(boxes[1], boxes[1, :4]))
    np.testing.assert_allclose(found[1], one, rtol=1e-6)


def test_pairs_are_the_diagonal_of_all_pairs(convert):
    boxes, others = random_boxes(8), random_boxes(2, 8)[1]
    edges = [convert(boxes[:, i]) for i in range(4)]
    found = ops.paired_iou(edges, [convert(others[:, i]) for i in range(4)])
    expected = np.diagonal(ops.box_iou(boxes, others))
    assert expected.max() > 0
    np.testing.assert_allclose(numpy_of(found), expected, rtol=1e-6)


def test_coverage_is_a_share_of_the_first_box(convert):
    others = np.array([[0, 0, 2, 6], [-9, -9, 9, 9], [7, 7, 8, 8]], "float32")
    found = ops.box_coverage(convert(BOXES), convert(others))
    expected = [[0.5, 1, 0], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(numpy_of(found), expected)


def test_areas_and_sides_of_two_boxes(convert):
    first, second = ([convert(x) for x in box] for box in BOXES[:2])
    shared, union = intersection_and_union(first, second)
    assert (float(shared), float(union)) == (6.0, 42.0)
    assert [float(x) for x in enclosing_sides(first, second)] == [6.0, 9.0]
