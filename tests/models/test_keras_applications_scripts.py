"""What public scripts do with models of keras.applications."""

import concurrent.futures

import keras
import numpy as np
import pytest
from keras import layers

from keras_efficient import applications
from keras_efficient import training
from tests.marks import BACKEND
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.builders import build
from tests.models.builders import tiny
from tests.models.keras_applications import pixels
from tests.models.keras_applications import reference_of
from tests.support.gradients import value_and_gradient

SIZE = (40, 40, 3)
SKIPS = ("block2a_expand_activation", "block3a_expand_activation")
both_forms = pytest.mark.parametrize("unroll", [False, True])


def encoder(unroll, **arguments):
    arguments = {"include_top": False, "unroll_blocks": unroll, **arguments}
    return tiny(**arguments)


def unet(base, skips):
    """Upsample the outputs and merge them with earlier features."""
    x = base.output
    for skip in skips:
        x = layers.UpSampling2D()(x)
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(1, 1, activation="sigmoid")(x)


@slow_to_compile
@both_forms
def test_unet_trains_its_encoder_and_is_saved(unroll, tmp_path):
    inputs = layers.Input(SIZE)
    base = encoder(unroll, input_tensor=inputs)
    # As in segmentation_models, the output is read before the taps.
    output = base.output
    skips = [base.get_layer(name).output for name in reversed(SKIPS)]
    assert [x.shape[1] for x in skips] == [10, 20]
    assert output is base.output
    model = keras.Model(inputs, unet(base, skips))
    model.compile("sgd", "binary_crossentropy")
    kernel = base.get_layer("block2a_expand_conv").kernel
    before = keras.ops.convert_to_numpy(kernel).copy()
    image = pixels(2, *SIZE)
    model.fit(image, np.ones((2, 20, 20, 1)), verbose=0)
    assert not np.array_equal(before, keras.ops.convert_to_numpy(kernel))
    model.save(tmp_path / "unet.keras")
    restored = keras.models.load_model(tmp_path / "unet.keras")
    np.testing.assert_allclose(
        restored.predict(image, verbose=0),
        model.predict(image, verbose=0),
        atol=1e-6,
    )


@on_one_backend
@both_forms
def test_pyramid_for_images_of_any_size(unroll):
    base = encoder(unroll, input_shape=(None, None, 3))
    names = ["block2a_expand_activation", "block2b_add", "top_activation"]
    outputs = [base.get_layer(name).output for name in names]
    features = keras.Model(inputs=base.input, outputs=outputs)
    shapes = [x.shape[1:3] for x in features(pixels(1, 45, 70, 3))]
    assert shapes == [(23, 35), (12, 18), (6, 9)]


def class_gradient(model, name, image):
    """Gradient of the first class with respect to the output of a layer."""
    layer = model.get_layer(name)
    if BACKEND == "jax":
        # Without a tape: the network in two pieces.
        features = keras.Model(model.input, layer.output)(image)
        rest = keras.Model(layer.output, model.output)
        features = keras.ops.convert_to_numpy(features)
        return value_and_gradient(lambda x: rest(x)[:, 0].sum(), features)[1]
    both = keras.Model(model.input, [layer.output, model.output])
    if BACKEND == "torch":
        import torch

        image = torch.tensor(image, requires_grad=True)
        features, scores = both(image)
        return torch.autograd.grad(scores[:, 0].sum(), features)[0].numpy()
    import tensorflow as tf

    with tf.GradientTape() as tape:
        features, scores = both(image)
        score = scores[:, 0]
    return tape.gradient(score, features).numpy()


@pytest.fixture(scope="module")
def b0():
    """B0 in both forms, and that of keras.applications."""
    arguments = {"input_shape": (64, 64, 3), "classes": 7}
    model = build("B0", **arguments)
    unrolled = applications.EfficientNetB0(weights=None, **arguments)
    references = reference_of(model, **arguments)
    by_path = {x.path: x for x in references.variables}
    for variable in unrolled.variables:
        if variable.path in by_path:
            variable.assign(keras.ops.convert_to_numpy(by_path[variable.path]))
    found = {"reference": references, False: model, True: unrolled}
    for network in found.values():
        network.layers[-1].activation = None
    return found


@slow_to_compile
@pytest.mark.parametrize("name", ["block6a_expand_activation", "top_conv"])
@both_forms
def test_gradients_of_class_activation_maps(b0, unroll, name):
    if BACKEND == "jax" and not unroll and name != "top_conv":
        pytest.skip("JAX has no tape; a block cannot be cut in two.")
    image = pixels(1, 64, 64, 3)
    expected = class_gradient(b0["reference"], name, image)
    found = class_gradient(b0[unroll], name, image)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(
        found, expected, atol=1e-4 * np.abs(expected).max()
    )


def trained_paths(model):
    return {x.path for x in model.trainable_variables}


@slow_to_compile
def test_the_last_layers_except_batch_normalization_are_trained(b0):
    def unfreeze(model):
        model.trainable = True
        for layer in model.layers:
            layer.trainable = False
        for layer in model.layers[-20:]:
            if not isinstance(layer, layers.BatchNormalization):
                layer.trainable = True

    reference, model = b0["reference"], b0[True]
    for network in (reference, model):
        unfreeze(network)
    assert trained_paths(model) == trained_paths(reference)
    assert len(trained_paths(model)) == 10


@slow_to_compile
def test_layers_are_frozen_up_to_a_name(b0):
    def freeze(model):
        model.trainable = True
        is_trained = False
        for layer in model.layers:
            if layer.name == "block6a_expand_conv":
                is_trained = True
            layer.trainable = is_trained

    reference, model = b0["reference"], b0[True]
    for network in (reference, model):
        freeze(network)
    assert trained_paths(model) == trained_paths(reference)
    assert len(trained_paths(model)) > 10


@slow_to_compile
def test_all_batch_normalization_is_found(b0):
    def norms(model):
        return [
            x.name
            for x in model.layers
            if isinstance(x, layers.BatchNormalization)
        ]

    assert norms(b0[True]) == norms(b0["reference"])
    # In blocks, the helper finds it.
    assert training.freeze_batch_norm(b0[False]) == len(norms(b0[True]))


@on_one_backend
@both_forms
def test_two_backbones_in_one_model(unroll, tmp_path):
    images = layers.Input(SIZE)
    first, second = (encoder(unroll, pooling="avg", name=x) for x in "ab")
    x = layers.Concatenate()([first(images), second(images)])
    nested = keras.Model(images, layers.Dense(2)(x))
    third = encoder(unroll, pooling="avg", input_tensor=images)
    fourth = encoder(unroll, pooling="avg", input_tensor=images)
    for layer in fourth.layers:
        if not isinstance(layer, layers.InputLayer):
            layer.name = f"{layer.name}_second"
    x = layers.Concatenate()([third.output, fourth.output])
    flat = keras.Model(images, layers.Dense(2)(x))
    for model in (nested, flat):
        model.save(tmp_path / "two.keras")
        restored = keras.models.load_model(tmp_path / "two.keras")
        np.testing.assert_array_equal(
            restored.predict(pixels(2, *SIZE), verbose=0),
            model.predict(pixels(2, *SIZE), verbose=0),
        )


@on_one_backend
@both_forms
def test_shared_backbone_of_pairs(unroll):
    base = encoder(unroll, pooling="avg", input_shape=SIZE)
    pair = [layers.Input(SIZE), layers.Input(SIZE)]
    distance = layers.Subtract()([base(x) for x in pair])
    model = keras.Model(pair, distance)
    image = pixels(1, *SIZE)
    assert not model.predict([image, image], verbose=0).any()
    assert len(model.weights) == len(base.weights)


@on_one_backend
@both_forms
def test_inner_outputs_of_a_nested_model(unroll):
    base = encoder(unroll, input_shape=SIZE, name="backbone")
    images = layers.Input(SIZE)
    pooled = layers.GlobalAveragePooling2D()(base(images))
    outer = keras.Model(images, layers.Dense(2)(pooled))
    before = outer.predict(pixels(1, *SIZE), verbose=0)
    inner = outer.get_layer("backbone")
    taps = [inner.get_layer(SKIPS[0]).output, inner.output]
    features = keras.Model(inner.input, taps)
    # The scripts run the remaining layers on the features.
    x = features(pixels(1, *SIZE))[1]
    for layer in outer.layers[-2:]:
        x = layer(x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(x), before, atol=1e-6)
    np.testing.assert_array_equal(
        outer.predict(pixels(1, *SIZE), verbose=0), before
    )


@slow_to_compile
@both_forms
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_training_eagerly_and_in_half_precision(unroll, dtype):
    keras.config.set_dtype_policy(dtype)
    try:
        model = tiny(unroll_blocks=unroll)
        tap = model.get_layer(SKIPS[0]).output
        assert tap.dtype == ("float32" if dtype == "float32" else "float16")
        pooled = layers.GlobalAveragePooling2D()(tap)
        merged = layers.Concatenate()([pooled, model.output])
        outputs = layers.Dense(2, dtype="float32")(merged)
    finally:
        keras.config.set_dtype_policy("float32")
    trained = keras.Model(model.input, outputs)
    trained.compile("sgd", "mse", run_eagerly=dtype == "float32")
    history = trained.fit(pixels(4, *SIZE), np.ones((4, 2)), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="is of TensorFlow")
@pytest.mark.slow
@both_forms
def test_mirrored_strategy(unroll):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy().scope():
        model = tiny(unroll_blocks=unroll)
        tap = model.get_layer(SKIPS[0]).output
        pooled = layers.GlobalAveragePooling2D()(tap)
        merged = layers.Concatenate()([pooled, model.output])
        trained = keras.Model(model.input, layers.Dense(2)(merged))
        trained.compile("sgd", "mse")
    before = trained.get_weights()
    trained.fit(pixels(4, *SIZE), np.ones((4, 2)), verbose=0)
    after = trained.get_weights()
    changes = [
        not np.array_equal(a, b) for a, b in zip(before, after, strict=True)
    ]
    assert sum(changes) > len(changes) / 2


@both_forms
def test_predictions_in_threads(unroll):
    model = tiny(unroll_blocks=unroll)
    images = [pixels(1, *SIZE) * i / 4 for i in range(4)]
    expected = [keras.ops.convert_to_numpy(model(x)) for x in images]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: model(x), images))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine), theirs, atol=1e-6
        )
