"""Pictures of stages; the costs of the stages sum to those of the model."""

import keras
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient.visualization import plot_stages
from keras_efficient.visualization.stages import describe_stages
from tests.marks import on_one_backend

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("zero_initial_weights")


def rows_of(model):
    rows = describe_stages(model)
    assert sum(x.parameters for x in rows) == counting.count_parameters(model)
    total = counting.count_multiply_adds(model)
    assert sum(row.multiply_adds for row in rows) == total
    return [(row.name, row.repeats, row.details) for row in rows]


@on_one_backend
def test_b0_is_table_1_of_the_paper():
    assert rows_of(keras_efficient.EfficientNetB0(weights=None)) == [
        ("convolution", 0, "112 × 112 × 32"),
        ("MBConv1, 3×3", 1, "112 × 112 × 16"),
        ("MBConv6, 3×3", 2, "56 × 56 × 24"),
        ("MBConv6, 5×5", 2, "28 × 28 × 40"),
        ("MBConv6, 3×3", 3, "14 × 14 × 80"),
        ("MBConv6, 5×5", 3, "14 × 14 × 112"),
        ("MBConv6, 5×5", 4, "7 × 7 × 192"),
        ("MBConv6, 3×3", 1, "7 × 7 × 320"),
        ("convolution", 0, "7 × 7 × 1280"),
        ("classifier", 0, "1000"),
    ]


@on_one_backend
def test_resnet50():
    rows = rows_of(keras_efficient.ResNet50(weights=None))
    assert rows[0] == ("convolution", 0, "112 × 112 × 64")
    assert rows[1:5] == [
        ("bottleneck", 3, "56 × 56 × 256"),
        ("bottleneck", 4, "28 × 28 × 512"),
        ("bottleneck", 6, "14 × 14 × 1024"),
        ("bottleneck", 3, "7 × 7 × 2048"),
    ]


@on_one_backend
@pytest.mark.parametrize(
    "name, kind, repeats, shape",
    [
        ("MobileNetV1", "depthwise separable", 6, "14 × 14 × 512"),
        ("MobileNetV2", "inverted residual", 4, "14 × 14 × 64"),
    ],
)
def test_mobilenets(name, kind, repeats, shape):
    model = getattr(keras_efficient, name)(weights=None)
    assert (kind, repeats, shape) in rows_of(model)


@on_one_backend
def test_detector():
    model = keras_efficient.EfficientDetD0(weights=None, backbone_weights=None)
    rows = rows_of(model)
    assert ("BiFPN, 8 nodes", 3, "5 levels of 64") in rows
    assert ("class head", 0, "3 convolutions of 64") in rows


def test_picture(tmp_path):
    model = keras_efficient.EfficientNet(
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:3],
        width_coefficient=0.25,
        input_shape=(40, 48, 3),
        classes=7,
    )
    ax = plot_stages(model, path=tmp_path / "a.png")
    texts = [text.get_text() for text in ax.texts]
    assert "MBConv6, 3×3  × 2" in texts and "5 × 6 × 16" in texts
    assert (tmp_path / "a.png").stat().st_size > 0
    strides = [x.get_text() for x in ax.texts if x.get_position()[0] == 0.28]
    # 40 to 20, 20, 10 and 5 pixels, then stages without a height.
    assert [x for x in strides if x.isdigit()] == ["2", "1", "2", "2", "1"]


@on_one_backend
def test_channels_first():
    model = keras_efficient.EfficientNet(
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:2],
        width_coefficient=0.25,
        input_shape=(3, 40, 48),
        classes=7,
        data_format="channels_first",
    )
    rows = rows_of(model)
    assert ("MBConv6, 3×3", 2, "10 × 12 × 8") in rows
    texts = [text.get_text() for text in plot_stages(model).texts]
    assert texts.count("2") == 2


def test_models_for_any_image_size_have_no_stages():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    with pytest.raises(ValueError, match="images of any size"):
        plot_stages(model)
