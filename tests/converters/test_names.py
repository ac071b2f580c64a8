"""Tests for the names of variables, with names written by hand."""

import keras
import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters.naming import detection_schemes
from keras_efficient.converters.naming.classification_schemes import (
    KERAS_APPLICATIONS,
)
from keras_efficient.converters.naming.classification_schemes import (
    KERAS_EFFICIENT,
)
from keras_efficient.converters.naming.classification_schemes import SCHEMES
from keras_efficient.converters.naming.classification_schemes import TENSORFLOW
from keras_efficient.converters.naming.classification_schemes import TIMM
from keras_efficient.converters.naming.identification import recognize
from keras_efficient.converters.naming.variable_names import blocks_in
from keras_efficient.converters.naming.variable_names import named_variables
from tests.converters import checkpoints
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend

# Specification, section 7.2: a block with and one without expansion.
EXPECTED = {
    "keras_efficient": {
        "stem_conv/kernel": "stem_conv/kernel",
        "block1a/depthwise/norm/gamma": "block1a_bn/gamma",
        "block3b/squeeze_excite/expand_conv/bias": "block3b_se_expand/bias",
    },
    "keras_applications": {
        "block1a_dwconv/kernel": "block1a_dwconv/kernel",
        "block3b_bn/moving_mean": "block3b_bn/moving_mean",
        "predictions/bias": "predictions/bias",
    },
    "tensorflow": {
        "stem/conv2d/kernel": "stem_conv/kernel",
        "stem/tpu_batch_normalization/gamma": "stem_bn/gamma",
        "blocks_0/conv2d/kernel": "block1a_project_conv/kernel",
        "blocks_0/tpu_batch_normalization/beta": "block1a_bn/beta",
        "blocks_0/tpu_batch_normalization_1/beta": "block1a_project_bn/beta",
        "blocks_4/conv2d/kernel": "block3b_expand_conv/kernel",
        "blocks_4/conv2d_1/kernel": "block3b_project_conv/kernel",
        "blocks_4/depthwise_conv2d/kernel": "block3b_dwconv/kernel",
        "blocks_4/se/conv2d/bias": "block3b_se_reduce/bias",
        "blocks_4/se/conv2d_1/bias": "block3b_se_expand/bias",
        "blocks_4/tpu_batch_normalization_2/gamma": "block3b_project_bn/gamma",
        "head/conv2d/kernel": "top_conv/kernel",
        "head/dense/bias": "predictions/bias",
    },
    "timm": {
        "conv_stem.weight": "stem_conv/kernel",
        "bn1.running_var": "stem_bn/moving_variance",
        "blocks.0.0.conv_pw.weight": "block1a_project_conv/kernel",
        "blocks.0.0.bn2.weight": "block1a_project_bn/gamma",
        "blocks.2.1.conv_pw.weight": "block3b_expand_conv/kernel",
        "blocks.2.1.bn2.bias": "block3b_bn/beta",
        "blocks.2.1.se.conv_reduce.bias": "block3b_se_reduce/bias",
        "blocks.2.1.conv_pwl.weight": "block3b_project_conv/kernel",
        "bn2.weight": "top_bn/gamma",
        "classifier.weight": "predictions/kernel",
    },
    "lukemelas": {
        "_conv_stem.weight": "stem_conv/kernel",
        "_bn1.bias": "top_bn/beta",
        "_blocks.0._bn1.weight": "block1a_bn/gamma",
        "_blocks.4._bn0.weight": "block3b_expand_bn/gamma",
        "_blocks.4._se_expand.weight": "block3b_se_expand/kernel",
        "_fc.bias": "predictions/bias",
    },
    "torchvision": {
        "features.0.0.weight": "stem_conv/kernel",
        "features.1.0.block.0.0.weight": "block1a_dwconv/kernel",
        "features.1.0.block.1.fc1.bias": "block1a_se_reduce/bias",
        "features.1.0.block.2.1.weight": "block1a_project_bn/gamma",
        "features.3.1.block.1.1.weight": "block3b_bn/gamma",
        "features.3.1.block.2.fc2.weight": "block3b_se_expand/kernel",
        "features.8.1.running_mean": "top_bn/moving_mean",
        "classifier.1.weight": "predictions/kernel",
    },
}
ALL = (*SCHEMES, *detection_schemes.SCHEMES)
BY_NAME = {scheme.name: scheme for scheme in SCHEMES}


@pytest.mark.parametrize("name", EXPECTED)
def test_tables(name):
    names = checkpoints.shapes_of("EfficientNetB0")
    table = BY_NAME[name].table(blocks_in(names))
    assert set(table.values()) == set(names)
    assert len(table) == len(names) == 311
    for source, canonical in EXPECTED[name].items():
        assert table[source] == canonical


@pytest.mark.parametrize("name", EXPECTED)
def test_schemes_are_recognized(name):
    for variant in ("EfficientNetB0", "EfficientNetB7"):
        names = checkpoints.shapes_of(variant)
        table = BY_NAME[name].table(blocks_in(names))
        assert recognize(list(table), ALL).name == name
        some = [source for source in table if "block" in source]
        assert recognize(some[3:30], ALL).name == name


def test_counters_do_not_hide_a_scheme():
    names = checkpoints.shapes_of("EfficientNetB0")
    table = TIMM.table(blocks_in(names))
    counters = [f"blocks.{i}.bn.num_batches_tracked" for i in range(999)]
    assert recognize([*table, *counters], ALL) is TIMM
    assert TIMM.rewrite("bn1.num_batches_tracked") is None


@pytest.mark.parametrize(
    "names",
    [[], ["layer1.0.conv1.weight", "fc.weight"], ["dense/kernel"]],
)
def test_other_networks_are_not_recognized(names):
    assert recognize(names, ALL) is None


def test_names_are_rewritten():
    assert TENSORFLOW.rewrite(
        "model/efficientnet-b0/blocks_3/depthwise_conv2d/depthwise_kernel"
    ) == ("blocks_3/depthwise_conv2d/kernel")
    assert (
        KERAS_APPLICATIONS.rewrite("block1a_dwconv/depthwise_kernel")
        == "block1a_dwconv/kernel"
    )
    rewrite = KERAS_EFFICIENT.rewrite
    assert rewrite("block1a/expand_bn/gamma") == "block1a/expand/norm/gamma"
    name = "block1a/squeeze_excite/expand_conv/bias"
    assert rewrite(name) == name


def test_axes_are_transposed_as_in_keras():
    def to_keras(canonical, *shape):
        return TIMM.to_keras(canonical, np.zeros(shape)).shape

    assert to_keras("a_project_conv/kernel", 8, 7, 3, 5) == (3, 5, 7, 8)
    assert to_keras("a_dwconv/kernel", 8, 1, 3, 5) == (3, 5, 8, 1)
    assert to_keras("predictions/kernel", 10, 6) == (6, 10)
    assert to_keras("stem_bn/gamma", 8) == (8,)
    same = np.zeros((3, 5, 7, 8))
    assert TENSORFLOW.to_keras("stem_conv/kernel", same) is same


def test_variables_of_a_model_have_the_names_of_keras_applications():
    model = keras_efficient.EfficientNetB0(weights=None)
    shapes = {k: tuple(v.shape) for k, v in named_variables(model).items()}
    assert list(shapes.items()) == list(checkpoints.shapes_of().items())


def test_variables_within_another_model():
    backbone = tiny.build(include_top=False)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Dense(3, name="head")(backbone(inputs))
    named = named_variables(keras.Model(inputs, x))
    inner = named_variables(backbone)
    assert [named[name] is value for name, value in inner.items()]
    assert set(named) - set(inner) == {"head/kernel", "head/bias"}


def test_two_networks_in_one_model_require_a_choice():
    inputs = keras.Input((32, 32, 3))
    outputs = [tiny.build(include_top=False, name=x)(inputs) for x in "ab"]
    with pytest.raises(ValueError, match="has two variables named 'stem_conv"):
        named_variables(keras.Model(inputs, outputs, name="two"))


def test_blocks_after_z():
    names = [f"block1{x}_dwconv/kernel" for x in ("aa", "b", "z", "a")]
    assert [block.name for block in blocks_in(names)] == [
        "block1a",
        "block1b",
        "block1z",
        "block1aa",
    ]
