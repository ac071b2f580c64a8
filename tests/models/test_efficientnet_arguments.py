"""Tests for the arguments and the training of EfficientNet."""

import inspect
import itertools

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.layers import BatchNormalization
from keras_efficient.layers import MBConvBlock
from keras_efficient.variants import MBConvStage
from tests.harness import to_numpy
from tests.marks import on_one_backend
from tests.marks import slow_to_compile
from tests.models.builders import build
from tests.models.builders import tiny


def sub_layers(model):
    return model._flatten_layers(include_self=False, recursive=True)


def test_drop_connect_grows_with_the_block():
    model = build("B0")
    rates = {
        layer.name: layer.stochastic_depth.rate
        for layer in model.layers
        if isinstance(layer, MBConvBlock) and layer.has_residual
    }
    # Spec section 1.4.
    expected = {
        "block2b": 0.025,
        "block3b": 0.05,
        "block4b": 0.075,
        "block4c": 0.0875,
        "block5b": 0.1125,
        "block5c": 0.125,
        "block6b": 0.15,
        "block6c": 0.1625,
        "block6d": 0.175,
    }
    assert rates == pytest.approx(expected)


@on_one_backend
@pytest.mark.parametrize(
    "name, dropout", [("B0", 0.2), ("B3", 0.3), ("B7", 0.5)]
)
def test_dropout_defaults_to_that_of_the_variant(name, dropout):
    assert build(name).get_layer("top_dropout").rate == dropout
    given = build(name, dropout_rate=0.1)
    assert given.get_layer("top_dropout").rate == 0.1


@pytest.mark.parametrize(
    "arguments, shape",
    [
        ({}, (None, 5)),
        ({"include_top": False}, (None, None, None, 24)),
        ({"include_top": False, "pooling": "avg"}, (None, 24)),
        ({"include_top": False, "pooling": "max"}, (None, 24)),
        ({"input_shape": (33, 70, 1)}, (None, 5)),
        ({"include_preprocessing": False}, (None, 5)),
        (
            {"input_shape": (3, None, 40), "data_format": "channels_first"},
            (None, 5),
        ),
    ],
    ids=str,
)
def test_output_shapes(arguments, shape):
    assert tiny(**arguments).output_shape == shape


def test_pooling_is_the_mean_or_maximum_of_the_features():
    features = tiny(include_top=False)
    image = np.random.default_rng(0).uniform(0, 255, (2, 45, 70, 3))
    values = features.predict(image, verbose=0)
    for pooling, expected in (
        ("avg", values.mean(axis=(1, 2))),
        ("max", values.max(axis=(1, 2))),
    ):
        pooled = tiny(include_top=False, pooling=pooling)
        pooled.set_weights(features.get_weights())
        np.testing.assert_allclose(
            pooled.predict(image, verbose=0), expected, rtol=1e-4, atol=1e-6
        )


def test_activation_none_gives_logits():
    logits, probabilities = tiny(classifier_activation=None), tiny()
    probabilities.set_weights(logits.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3))
    values = logits.predict(image, verbose=0)
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        probabilities.predict(image, verbose=0),
        exponentials / exponentials.sum(axis=1, keepdims=True),
        rtol=1e-4,
    )


def test_graph_does_not_depend_on_preprocessing_or_weights():
    model, bare = tiny(), tiny(include_preprocessing=False)
    bare.set_weights(model.get_weights()[2:])
    image = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(
        model.predict(image, verbose=0),
        bare.predict((image / 255 - mean) / std, verbose=0),
        rtol=1e-4,
    )


def test_input_tensor_of_the_user():
    images = keras.Input((40, 60, 3))
    flipped = keras.ops.flip(images, axis=2)
    model, plain = tiny(input_tensor=flipped), tiny(input_shape=(40, 60, 3))
    plain.set_weights(model.get_weights())
    x = np.random.default_rng(0).uniform(0, 255, (2, 40, 60, 3))
    np.testing.assert_allclose(
        model.predict(x, verbose=0),
        plain.predict(x[:, :, ::-1], verbose=0),
        rtol=1e-4,
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_float32_probabilities(policy):
    exact = tiny()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = tiny()
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(exact.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3))
    outputs = mixed.predict(image, verbose=0)
    assert outputs.dtype == "float32"
    assert mixed.get_layer("block2a").compute_dtype == policy[6:]
    np.testing.assert_allclose(
        outputs, exact.predict(image, verbose=0), atol=0.03
    )


def test_every_weight_gets_a_gradient():
    model = tiny(dropout_rate=0.0, drop_connect_rate=0.0)
    before = [to_numpy(w).copy() for w in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    rng = np.random.default_rng(0)
    model.fit(
        rng.uniform(0, 255, (4, 40, 40, 3)), np.eye(5)[[0, 1, 2, 3]], verbose=0
    )
    after = [to_numpy(w) for w in model.trainable_weights]
    for weight, old, new in zip(
        model.trainable_weights, before, after, strict=True
    ):
        assert not np.array_equal(old, new), weight.path


@slow_to_compile
def test_overfits_eight_images():
    keras.utils.set_random_seed(1)
    model = tiny(dropout_rate=0.0, drop_connect_rate=0.0)
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (8, 40, 40, 3))
    labels = np.eye(5)[[0, 1, 2, 3, 4, 0, 1, 2]]
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    first = model.evaluate(images, labels, verbose=0)
    # The loss of an untrained classifier is log(5) = 1.609.
    assert first == pytest.approx(np.log(5), abs=0.15)
    history = model.fit(images, labels, epochs=25, verbose=0)
    assert history.history["loss"][-1] < 0.05


def test_symmetric_padding_differs_at_stride_two():
    same, symmetric = tiny(), tiny(padding="symmetric")
    symmetric.set_weights(same.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (1, 40, 40, 3))
    outputs = [
        keras.Model(model.input, model.get_layer("stem_conv").output).predict(
            image, verbose=0
        )[0]
        for model in (same, symmetric)
    ]
    assert outputs[0].shape == outputs[1].shape == (20, 20, 16)
    assert not np.allclose(*outputs)


def test_names_of_blocks_and_layers():
    names = [layer.name for layer in build("B0").layers]
    assert names[:5] == [
        "images",
        "preprocessing",
        "stem_conv",
        "stem_bn",
        "stem_activation",
    ]
    assert (
        names[5:21]
        == (
            "block1a block2a block2b block3a block3b block4a block4b block4c "
            "block5a block5b block5c block6a block6b block6c block6d block7a"
        ).split()
    )
    assert names[21:] == [
        "top_conv",
        "top_bn",
        "top_activation",
        "avg_pool",
        "top_dropout",
        "predictions",
    ]


def test_batch_norm_arguments_and_divisor_are_used():
    model = tiny(batch_norm_momentum=0.9, batch_norm_epsilon=1e-5, divisor=4)
    norms = [x for x in sub_layers(model) if isinstance(x, BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.9}
    assert {norm.epsilon for norm in norms} == {1e-5}
    # 32 * 0.3 = 9.6: 8 would be 17% less, so it is the next multiple of 4.
    assert model.get_layer("stem_conv").filters == 12


def test_block_names_after_z():
    model = tiny(stages=[MBConvStage(1, 3, 1, 8, 28)], depth_coefficient=1.0)
    names = [x.name for x in model.layers if isinstance(x, MBConvBlock)]
    assert names[:2] == ["block1a", "block1b"]
    assert names[24:] == ["block1y", "block1z", "block1aa", "block1ab"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"input_shape": (31, 64, 3)}, r"at least 32.*\(31, 64, 3\)"),
        ({"input_shape": (64, 64)}, r"\(height, width, channels\).*\(64, 64\)"),
        ({"input_shape": (64, 64, None)}, "known number of channels"),
        ({"input_tensor": np.ones((1, 64, 64, 3))}, "Keras tensor"),
        ({"pooling": "mean", "include_top": False}, "pooling='mean'"),
        ({"classes": 0}, "classes=0"),
        ({"data_format": "NCHW"}, "data_format='NCHW'"),
        ({"padding": "full"}, "padding='full'"),
        ({"drop_connect_rate": 20}, "rate="),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)


def test_arguments_are_those_of_keras_applications():
    for number in range(8):
        name = f"EfficientNetB{number}"
        ours = inspect.signature(getattr(keras_efficient, name)).parameters
        theirs = inspect.signature(getattr(keras.applications, name)).parameters
        first = dict(itertools.islice(ours.items(), len(theirs)))
        assert list(first) == list(theirs)
        for argument, parameter in theirs.items():
            assert ours[argument].default == parameter.default, argument


@pytest.mark.parametrize(
    "names",
    [
        [f"EfficientNetB{i}" for i in range(8)],
        [*(f"EfficientDetD{i}" for i in range(8)), "EfficientDetD7x"],
    ],
    ids=["EfficientNet", "EfficientDet"],
)
def test_builders_of_a_family_have_one_typed_signature(names):
    signatures = [
        inspect.signature(getattr(keras_efficient, name)) for name in names
    ]
    for name, signature in zip(names, signatures, strict=True):
        parameters = signature.parameters
        assert parameters["name"].default == name.lower()
        assert list(parameters) == list(signatures[0].parameters)
        for parameter in parameters.values():
            assert parameter.annotation is not parameter.empty
            assert parameter.kind is not parameter.VAR_KEYWORD
