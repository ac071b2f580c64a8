"""Every layer name of keras.applications, and the tensors behind them."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient import applications
from keras_efficient import fusing
from keras_efficient import layers
from keras_efficient.models import layer_output
from tests.marks import BACKEND
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.builders import build
from tests.models.builders import tiny
from tests.models.keras_applications import pixels
from tests.models.keras_applications import reference_of
from tests.support.random_weights import randomize

SIZE = (64, 64, 3)


@pytest.fixture(scope="module")
def networks():
    """B0 of keras.applications and ours in both forms, with equal weights."""
    model = build("B0", input_shape=SIZE, classes=7)
    reference = reference_of(model, input_shape=SIZE, classes=7)
    unrolled = applications.EfficientNetB0(
        weights=None, input_shape=SIZE, classes=7
    )
    unrolled.get_layer("preprocessing").set_weights(
        model.get_layer("preprocessing").get_weights()
    )
    by_path = {x.path: x for x in reference.variables}
    for variable in unrolled.variables:
        if variable.path in by_path:
            variable.assign(keras.ops.convert_to_numpy(by_path[variable.path]))
    return {"reference": reference, "model": model, "unrolled": unrolled}


@pytest.fixture(scope="module")
def expected(networks):
    """Outputs of all layers of keras.applications by name."""
    reference = networks["reference"]
    outputs = {x.name: x.output for x in reference.layers}
    return keras.Model(reference.input, outputs).predict(
        pixels(2, *SIZE), verbose=0
    )


@slow_to_compile
@pytest.mark.parametrize("form", ["model", "unrolled"])
def test_every_layer_of_b0_has_the_same_output(networks, expected, form):
    model = networks[form]
    assert len(expected) == 240
    outputs = {name: layer_output(model, name) for name in expected}
    found = keras.Model(model.input, {**outputs, "top": model.output})
    found = found.predict(pixels(2, *SIZE), verbose=0)
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert found[name].shape == values.shape
        np.testing.assert_allclose(
            found[name], values, atol=1e-4 * scale, err_msg=name
        )
    np.testing.assert_array_equal(found["top"], found["predictions"])


@slow_to_compile
def test_get_layer_returns_the_output_and_the_weights(networks):
    model, reference = networks["model"], networks["reference"]
    for name in ("block6a_expand_conv", "block3b_bn", "block5a_se_reduce"):
        part, layer = model.get_layer(name), reference.get_layer(name)
        assert part.name == name
        assert part.output is layer_output(model, name)
        assert part.output.shape == layer.output.shape
        for mine, theirs in zip(
            part.get_weights(), layer.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
    assert model.get_layer("block6a_activation").weights == []


def test_the_output_of_a_block_is_that_of_its_last_part(networks):
    model = networks["model"]
    pyramid = model.pyramid_outputs
    assert layer_output(model, "block3b_add") is pyramid["P3"]
    assert layer_output(model, "block7a_project_bn") is pyramid["P5"]
    assert layer_output(model, "block7a") is pyramid["P5"]


def test_pyramids_of_both_forms(networks):
    shapes = [
        {level: x.shape for level, x in networks[form].pyramid_outputs.items()}
        for form in ("model", "unrolled")
    ]
    assert shapes[0] == shapes[1]


# Sizes that are not known are padded differently in a TensorFlow graph.
@on_one_backend
@pytest.mark.skipif(BACKEND == "jax", reason="pads as PyTorch does")
@pytest.mark.parametrize("size", [(64, 64), (45, 70), (33, 96)])
@pytest.mark.parametrize("shape", [None, "known"])
def test_unrolled_networks_pad_images_of_any_size(size, shape):
    arguments = {
        "include_top": False,
        "input_shape": (*size, 3) if shape else None,
    }
    model = randomize(tiny(**arguments))
    unrolled = tiny(unroll_blocks=True, **arguments)
    image = pixels(1, *size, 3)
    _copy(unrolled, model)
    np.testing.assert_allclose(
        unrolled.predict(image, verbose=0),
        model.predict(image, verbose=0),
        atol=1e-4,
    )


@on_one_backend
@pytest.mark.parametrize(
    "name",
    [
        "EfficientNetB0",
        *(
            pytest.param(f"EfficientNetB{i}", marks=pytest.mark.slow)
            for i in range(1, 8)
        ),
    ],
)
def test_layers_of_applications_are_those_of_keras(name):
    reference = getattr(keras.applications, name)(weights=None)
    names = [layer.name for layer in reference.layers]
    model = getattr(applications, name)(weights=None)
    # One layer normalizes the pixels here, and two do there.
    assert [layer.name for layer in model.layers[2:]] == names[3:]
    blocks = getattr(keras_efficient, name)(weights=None)
    for own in names:
        assert blocks.get_layer(own) is not None
    assert len(model.trainable_weights) == len(reference.trainable_weights)
    assert model.count_params() == blocks.count_params()


@on_one_backend
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block9a_bn", "keras_efficient.models.layer_output"),
        ("block2a_add", "has no part 'add'.*block2a_project_bn"),
        ("block1a_expand_conv", "has no part 'expand_conv'"),
        ("conv5_block3_out", "keras_efficient.applications"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=message):
        tiny().get_layer(name)


@on_one_backend
def test_a_part_without_weights_says_so():
    part = tiny().get_layer("block2a_expand_activation")
    with pytest.raises(
        AttributeError, match="is a part of the layer 'block2a'"
    ):
        part.get_weights()


@on_one_backend
def test_taps_leave_models_that_exist_as_they_are(tmp_path):
    base = tiny(include_top=False, input_shape=(40, 40, 3))
    output = base.output
    head = keras.layers.GlobalAveragePooling2D()(output)
    model = keras.Model(base.input, keras.layers.Dense(3)(head))
    image = pixels(1, 40, 40, 3)
    expected = model.predict(image, verbose=0)
    tap = base.get_layer("block2b_expand_activation").output
    both = keras.Model(base.input, [tap, model.output, output])
    np.testing.assert_array_equal(both.predict(image, verbose=0)[1], expected)
    model.save(tmp_path / "model.keras")
    base.save(tmp_path / "base.keras")
    for name, original in (("model", model), ("base", base)):
        restored = keras.models.load_model(tmp_path / f"{name}.keras")
        np.testing.assert_array_equal(
            restored.predict(image, verbose=0),
            original.predict(image, verbose=0),
        )
    found = restored.get_layer("block2b_expand_activation").output
    assert found.shape == tap.shape


@on_one_backend
@pytest.mark.parametrize("unroll", [False, True])
def test_model_of_taps_is_saved_fused_and_cloned(unroll, tmp_path):
    model = randomize(tiny(unroll_blocks=unroll))
    names = ["block2a_expand_conv", "block2b_add", "block3a_activation"]
    taps = {name: model.get_layer(name).output for name in names}
    features = keras.Model(model.input, {**taps, "top": model.output})
    image = pixels(2, 40, 40, 3)
    expected = features.predict(image, verbose=0)
    features.save(tmp_path / "features.keras")
    restored = keras.models.load_model(tmp_path / "features.keras")
    clone = keras.models.clone_model(features)
    clone.set_weights(features.get_weights())
    fused = fusing.fuse(features)
    for copy in (restored, clone, fused):
        found = copy.predict(image, verbose=0)
        for name, values in expected.items():
            np.testing.assert_allclose(
                found[name], values, atol=1e-3 * np.abs(values).max()
            )
    np.testing.assert_allclose(
        model.fused().predict(image, verbose=0), expected["top"], atol=1e-5
    )


@on_one_backend
def test_fused_blocks_have_no_convolution_without_normalization():
    fused = tiny().fused()
    assert fused.get_layer("block2a_expand_bn").output.shape[-1] > 0
    with pytest.raises(ValueError, match="because it is fused"):
        _ = fused.get_layer("block2a_expand_conv").output


@on_one_backend
def test_inputs_of_parts_make_models_of_a_piece():
    model = tiny()
    first = model.get_layer("block2a_expand_conv")
    last = model.get_layer("block2b_add")
    piece = keras.Model(first.input, last.output)
    assert piece.output_shape == model.get_layer("block2b").output.shape
    excite = model.get_layer("block2a_se_excite")
    assert [x.shape[-1] for x in excite.input] == [excite.output.shape[-1]] * 2


@on_one_backend
def test_parts_are_frozen_alone():
    model = tiny()
    model.get_layer("block2a_expand_bn").trainable = False
    norm = model.get_layer("block2a").expand.norm
    assert not norm.trainable
    assert model.get_layer("block2a").depthwise.norm.trainable


@on_one_backend
def test_remat_and_taps_together():
    model = tiny().set_remat()
    tap = model.get_layer("block2a_expand_activation").output
    pooled = keras.layers.GlobalAveragePooling2D()(tap)
    features = keras.layers.Concatenate()([pooled, model.output])
    trained = keras.Model(model.input, keras.layers.Dense(1)(features))
    trained.compile("sgd", "mse")
    kernel = model.get_layer("block2a_expand_conv").kernel
    before = keras.ops.convert_to_numpy(kernel).copy()
    trained.fit(pixels(2, 40, 40, 3), np.ones((2, 1)), verbose=0)
    assert not np.array_equal(before, keras.ops.convert_to_numpy(kernel))


@on_one_backend
def test_unrolled_networks_have_no_blocks_to_rematerialize():
    with pytest.raises(ValueError, match="unroll_blocks=False"):
        tiny(unroll_blocks=True).set_remat()


def _copy(target, source):
    """Copy weights between the two forms of a network."""
    own = {}
    for layer in source.layers:
        for part in getattr(layer, "part_names", ()):
            own[f"{layer.name}_{part}"] = source.get_layer(
                f"{layer.name}_{part}"
            )
        own[layer.name] = layer
    for layer in target.layers:
        if layer.weights and layer.name in own:
            layer.set_weights(
                [keras.ops.convert_to_numpy(x) for x in own[layer.name].weights]
            )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="has dynamic shapes")
@pytest.mark.parametrize("size", [(64, 64), (45, 70), (33, 96)])
def test_padding_of_sizes_that_a_graph_does_not_know(size):
    import tensorflow as tf

    specs = [tf.TensorSpec((None, None, None, 3), "float32")]
    for kernel_size in (3, 5):
        padding = layers.ImagePadding(kernel_size, strides=2)
        image = pixels(1, *size, 3)
        found = tf.function(padding, input_signature=specs)(image)
        np.testing.assert_array_equal(found, padding(image))
