"""A complete training step of D0, compared with google/automl."""

import keras
import numpy as np
import pytest

from keras_efficient.converters import load_checkpoint
from keras_efficient.converters.naming.variable_names import named_variables
from keras_efficient.losses import DetectionLoss
from tests import automl_weights
from tests.models.detectors import build

# Section 13 of the specification: boxes `xyxy`, classes from 0.
TRUTH = {
    "boxes": np.array(
        [
            [[20, 10, 100, 60], [64, 64, 90, 96]],
            [[0, 0, 127, 120], [-1, -1, -1, -1]],
        ],
        "float32",
    ),
    "labels": np.array([[0, 16], [89, -1]], "int32"),
}
GRADIENT_NORMS = {
    "stem_conv/kernel": 659.678,
    "resample_p6/project/conv/kernel": 163.147,
    "class_head/predictor/pointwise_conv/bias": 67.0326,
    "class_head/conv0/conv/depthwise_conv/kernel": 29.0531,
    "box_head/predictor/pointwise_conv/kernel": 1.90971,
}


def images():
    pixels = np.random.RandomState(0).uniform(-2, 2, (2, 128, 128, 3))
    return pixels.astype("float32")


@pytest.fixture
def model(tmp_path):
    keras_model = build(
        "D0", input_shape=(128, 128, 3), include_preprocessing=False
    )
    keras_model._anchor_arguments["aspect_ratios"] = (1.0, 2.0, 0.5)
    shapes = automl_weights.automl_shapes(keras_model, "efficientnet-b0")
    arrays = {
        name: automl_weights.golden_value(name, shape, 1.0, 1.0)
        for name, shape in shapes.items()
    }
    np.savez(tmp_path / "golden.npz", **arrays)
    load_checkpoint(keras_model, tmp_path / "golden.npz")
    return keras_model


def numbers_of(model):
    return {
        name: keras.ops.convert_to_numpy(variable).copy()
        for name, variable in named_variables(model).items()
    }


@pytest.mark.skipif(
    keras.backend.backend() != "torch",
    reason="slow to compile; `test_step` has it on every backend",
)
def test_losses(model):
    check_losses(model)


def check_losses(model):
    loss = DetectionLoss(l2_regularization=4e-5)
    model.compile(keras.optimizers.SGD(1.0), loss)
    before = numbers_of(model)
    logs = model.train_on_batch(images(), TRUTH, return_dict=True)
    assert logs["class_loss"] == pytest.approx(1531.98120, rel=1e-4)
    assert logs["box_loss"] == pytest.approx(0.0539293736, rel=1e-4)
    assert logs["l2_loss"] == pytest.approx(0.685479045, rel=1e-5)
    assert logs["loss"] == pytest.approx(1535.36304, rel=1e-4)
    return before, numbers_of(model)


@pytest.mark.slow
def test_step(model):
    before, after = check_losses(model)
    # With a learning rate of 1, weights change by their gradients.
    moved = {
        name: before[name] - after[name]
        for name, variable in named_variables(model).items()
        if variable.trainable
    }
    norms = {name: np.linalg.norm(x) for name, x in moved.items()}
    for name, expected in GRADIENT_NORMS.items():
        assert norms[name] == pytest.approx(expected, rel=2e-3), name
    # google/automl has a variable for each input of a node. Their gradients are
    # a millionth of those of the stem: all digits are rounding errors.
    first = abs(moved["bifpn_0/node0_fusion/fusion_weights"][0])
    assert first == pytest.approx(3.3164e-4, abs=2e-4)
    third = abs(moved["bifpn_0/node4_fusion/fusion_weights"][2])
    assert third == pytest.approx(2.14717, rel=2e-3)
    whole = np.sqrt(sum(norm**2 for norm in norms.values()))
    assert whole == pytest.approx(2800.22, rel=2e-3)
    clipped = np.sqrt(sum(min(norm, 10) ** 2 for norm in norms.values()))
    assert clipped == pytest.approx(147.946, rel=2e-3)
    statistics = [
        after[f"stem_bn/{name}"][:3]
        for name in ("moving_mean", "moving_variance")
    ]
    np.testing.assert_allclose(
        statistics[0], [-0.038322933, 0.021941720, -0.046803288], rtol=1e-4
    )
    np.testing.assert_allclose(
        statistics[1], [1.14717174, 0.62437397, 1.11706150], rtol=1e-4
    )


def test_l2_counts_the_kernels_of_google_automl(model):
    kernels = [
        variable
        for variable in model.trainable_variables
        if variable.name in ("kernel", "depthwise_kernel", "pointwise_kernel")
    ]
    assert len(kernels) == 150
    assert sum(int(np.prod(v.shape)) for v in kernels) == 3_820_384
