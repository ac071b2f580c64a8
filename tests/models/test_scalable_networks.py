"""Tests for MobileNet and ResNet, and for their scaling."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import counting
from keras_efficient.scaling import CompoundScaling
from tests.harness import to_numpy
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models import detectors

NETWORKS = ("MobileNetV1", "MobileNetV2", "ResNet50")
COMPOUND = {"width_coefficient": 1.2, "depth_coefficient": 1.4}


def build(name, **arguments):
    return getattr(keras_efficient, name)(**arguments)


def narrow(name, **arguments):
    return build(
        name,
        **{
            "width_coefficient": 0.125,
            "input_shape": (64, 96, 3),
            "classes": 5,
            **arguments,
        },
    )


# Section 5 of the specification: multiply-adds in millions.
@on_one_backend
@pytest.mark.parametrize(
    "name, arguments, expected",
    [
        ("MobileNetV1", {}, 569),
        ("MobileNetV1", {"width_coefficient": 2.0}, 2216),
        ("MobileNetV1", {"resolution": 448}, 2272),
        ("MobileNetV1", {**COMPOUND, "resolution": 288}, 2243),
        ("MobileNetV1", {**COMPOUND, "resolution": 291}, 2470),
        ("MobileNetV1", {**COMPOUND, "resolution": 299}, 2520),
        ("MobileNetV2", {}, 301),
        ("MobileNetV2", {"depth_coefficient": 4.0}, 1220),
        ("MobileNetV2", {"width_coefficient": 2.0}, 1137),
        ("MobileNetV2", {"resolution": 448}, 1199),
        ("MobileNetV2", {**COMPOUND, "resolution": 288}, 1284),
        ("MobileNetV2", {**COMPOUND, "resolution": 291}, 1442),
        ("ResNet50", {"version": "v1.5"}, 4089),
        pytest.param(
            "ResNet50",
            {"version": "v1.5", "depth_coefficient": 4.0},
            14571,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "ResNet50",
            {"version": "v1.5", "width_coefficient": 2.0},
            16117,
            marks=pytest.mark.slow,
        ),
        ("ResNet50", {"version": "v1.5", "resolution": 448}, 16351),
        pytest.param(
            "ResNet50",
            {"version": "v1.5", **COMPOUND, "resolution": 291},
            15946,
            marks=pytest.mark.slow,
        ),
        # Stride in the 1x1 convolution, as in keras.applications.
        ("ResNet50", {}, 3858),
    ],
)
def test_multiply_adds_of_table_3(name, arguments, expected):
    count = counting.count_multiply_adds(build(name, **arguments))
    assert round(count / 1e6) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_of_the_table(name):
    row = keras_efficient.variants.SCALABLE_NETWORKS[name]
    model = build(name)
    assert model.input_shape == (None, row.resolution, row.resolution, 3)
    assert counting.count_parameters(model) == row.parameters
    assert counting.count_multiply_adds(model) == row.multiply_adds


def test_stages_follow_compound_scaling():
    """The stages of the model are those of `CompoundScaling.scale_stages`."""
    stages = CompoundScaling().scale_stages(
        keras_efficient.variants.MOBILENET_V1_STAGES, phi=2
    )
    model = keras_efficient.MobileNetV1(
        width_coefficient=1.1**2, depth_coefficient=1.2**2
    )
    found = [
        layer.filters
        for layer in model.layers
        if layer.name.startswith("conv_pw") and hasattr(layer, "filters")
    ]
    assert found == [s.filters for s in stages for _ in range(s.repeats)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pyramid(name, data_format):
    shape = (64, 96, 3) if data_format == "channels_last" else (3, 64, 96)
    model = narrow(
        name, include_top=False, input_shape=shape, data_format=data_format
    )
    axes = slice(1, 3) if data_format == "channels_last" else slice(2, 4)
    sizes = {k: tuple(x.shape[axes]) for k, x in model.pyramid_outputs.items()}
    assert sizes == {f"P{i}": (64 // 2**i, 96 // 2**i) for i in range(1, 6)}


@slow_to_compile
@pytest.mark.parametrize("name", NETWORKS)
def test_saving_keeps_the_network(name, tmp_path):
    model = narrow(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    x = detectors.image(2, 64, 96, 3)
    np.testing.assert_allclose(
        to_numpy(loaded(x)), to_numpy(model(x)), atol=1e-6
    )
    assert list(loaded.pyramid_outputs) == list(model.pyramid_outputs)


@slow_to_compile
@pytest.mark.parametrize("name", NETWORKS)
def test_fused_gives_the_same(name):
    model = narrow(name)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.7, 1.3, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    fused = model.fused()
    assert not any(
        isinstance(layer, keras.layers.BatchNormalization)
        for layer in fused.layers
    )
    x = detectors.image(2, 64, 96, 3)
    expected = to_numpy(model(x, training=False))
    found = to_numpy(fused(x, training=False))
    assert np.abs(found - expected).max() < 5e-5 * np.abs(expected).max()


@slow_to_compile
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("MobileNetV1", marks=pytest.mark.slow),
        "MobileNetV2",
        pytest.param("ResNet50", marks=pytest.mark.slow),
    ],
)
def test_overfits_a_few_images(name):
    keras.utils.set_random_seed(0)
    model = narrow(name, classes=2, input_shape=(64, 64, 3))
    x = detectors.image(16, 64, 64, 3)
    y = np.repeat([0, 1], 8)
    x[8:] *= 0.3
    model.compile(
        keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy"
    )
    losses = model.fit(x, y, epochs=8, batch_size=16, verbose=0)
    assert losses.history["loss"][-1] < 0.5 * losses.history["loss"][0]


@slow_to_compile
def test_as_backbone_of_a_detector():
    backbone = narrow("ResNet50", include_top=False)
    model = keras_efficient.EfficientDet(
        backbone, num_classes=3, fpn_filters=16, fpn_repeats=1, head_repeats=1
    )
    outputs = model(detectors.image(1, 64, 96, 3))
    assert outputs["class_logits"].shape[1:] == (
        len(model.generate_anchors()),
        3,
    )


def test_mixed_precision_gives_float32_probabilities():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = narrow("MobileNetV2")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.output.dtype == "float32"
    assert model.get_layer("Conv_1").compute_dtype == "bfloat16"


def test_invalid_arguments_are_errors():
    with pytest.raises(ValueError, match="\"v2\"|version='v2'"):
        keras_efficient.ResNet50(version="v2")
    with pytest.raises(ValueError, match="supported by MBConvBlock"):
        narrow("ResNet50").set_remat()
    with pytest.raises(ValueError, match="Did you mean 'imagenet'"):
        keras_efficient.MobileNetV1(weights="imagnet")
    with pytest.raises(ValueError, match="at least 32"):
        keras_efficient.MobileNetV2(input_shape=(16, 64, 3))


def published(phi):
    return f"EfficientDetD{phi}"


@on_one_backend
@pytest.mark.parametrize(
    "phi",
    [0, 1, 2, *(pytest.param(i, marks=pytest.mark.slow) for i in range(3, 8))],
)
def test_integer_phis_are_the_published_detectors(phi):
    model = keras_efficient.EfficientDet.from_phi(phi)
    twin = getattr(keras_efficient, published(phi))(
        weights=None, backbone_weights=None
    )
    assert model.image_size == twin.image_size
    assert model.anchor_arguments == twin.anchor_arguments
    assert [x.shape for x in model.weights] == [x.shape for x in twin.weights]
    ours, theirs = model.get_config(), twin.get_config()
    for config in (ours, theirs):
        config.pop("name")
    dropped = "drop_connect_rate"
    assert _values(ours, dropped) == pytest.approx(_values(theirs, dropped))
    assert _values(ours, "weight_method") == _values(theirs, "weight_method")


def _values(config, key):
    """Yield all values of a key, anywhere in a config."""
    if isinstance(config, dict):
        own = [config[key]] if key in config else []
        return own + [v for x in config.values() for v in _values(x, key)]
    if isinstance(config, list | tuple):
        return [v for x in config for v in _values(x, key)]
    return []


@on_one_backend
def test_from_phi_checks_its_arguments():
    model = keras_efficient.EfficientDet.from_phi(
        -1, num_classes=2, input_shape=(96, 64, 3), rule="formula", max_level=6
    )
    assert model.image_size == (96, 64)
    assert model.class_head.max_level == 6
    numbers = keras_efficient.scaling.EfficientDetScaling()(-1)
    assert (numbers.resolution, numbers.fpn_repeats) == (384, 2)
    from_phi = keras_efficient.EfficientDet.from_phi
    with pytest.raises(ValueError, match="between 0 .* phi=7.5"):
        from_phi(7.5)
    with pytest.raises(ValueError, match="finite"):
        from_phi(float("nan"))
    with pytest.raises(ValueError, match="'paper'"):
        from_phi(1, rule="paper")
    with pytest.raises(ValueError, match="Nothing is left"):
        from_phi(-5, rule="formula")
    fpn = from_phi(0.5, feature_network="fpn", input_shape=(64, 64, 3))
    assert fpn.feature_network.count_params() > 0
