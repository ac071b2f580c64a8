"""One test for each assumption about Keras' private API."""

import h5py
import keras
import numpy as np

from keras_efficient.internals import keras_internals


def graph():
    images = keras.Input((4, 6, 3), name="images")
    dense = keras.layers.Dense(2, name="dense")
    return images, dense, dense(images)


def test_flatten_layers_finds_nested_layers():
    images, dense, outputs = graph()
    inner = keras.Model(images, outputs, name="inner")
    outer = keras.Sequential([keras.Input((4, 6, 3)), inner])
    names = [layer.name for layer in keras_internals.all_layers(outer)]
    assert "inner" in names and "dense" in names
    assert outer.name not in names


def test_keras_history_leads_to_the_operation_and_its_node():
    images, dense, outputs = graph()
    assert keras_internals.operation_of(outputs) is dense
    node = keras_internals.node_of(outputs)
    assert node.operation is dense
    assert node.input_tensors[0] is images
    assert node.output_tensors[0] is outputs


def test_tensor_keys_tell_calls_apart():
    images, dense, outputs = graph()
    again = dense(images)
    keys = {keras_internals.tensor_key(x) for x in (images, outputs, again)}
    assert len(keys) == 3
    key = keras_internals.tensor_key(outputs)
    model = keras.Model(images, outputs)
    assert keras_internals.tensor_key(model.outputs[0]) == key


def test_walk_visits_each_node_once():
    images, dense, outputs = graph()
    total = keras.layers.Add(name="add")([outputs, outputs])
    names = [
        node.operation.name for node in keras_internals.walk_nodes([total])
    ]
    assert names == ["add", "dense", "images"]


def test_weight_files_have_each_variable_at_its_saved_path(tmp_path):
    """The order in which Keras numbers layers, and the names of groups."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="z")(inputs)
    x = keras.layers.BatchNormalization()(x)
    inner = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="a")(x))
    x = keras.layers.SeparableConv2D(5, 1)(inner(inputs))
    outputs = keras.layers.Dense(3)(keras.layers.Dropout(0.1)(x))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    model.save_weights(tmp_path / "a.weights.h5")
    in_file = {}
    with h5py.File(tmp_path / "a.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                in_file.update({name: np.asarray(item)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    paths = keras_internals.saved_paths(model)
    saved = {name: keras.ops.convert_to_numpy(v) for name, v in paths.items()}
    assert set(in_file) == set(saved)
    for name, value in saved.items():
        np.testing.assert_array_equal(in_file[name], value, name)
    found = {id(variable) for variable in paths.values()}
    assert {id(variable) for variable in model.weights} <= found


def test_optimizer_lists_variables_and_moving_averages_in_one_order():
    images, dense, outputs = graph()
    model = keras.Model(images, outputs)
    optimizer = keras.optimizers.SGD(use_ema=True)
    optimizer.build(model.trainable_variables)
    pairs = keras_internals.moving_averages(optimizer)
    assert [id(variable) for variable, _ in pairs] == [
        id(variable) for variable in model.trainable_variables
    ]
    assert [average.shape for _, average in pairs] == [
        variable.shape for variable in model.trainable_variables
    ]


class Watched(keras_internals.OptimizerHooks, keras.optimizers.SGD):
    """An optimizer that records which hooks Keras calls."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.called = []

    def decay_weights(self, variables):
        self.called.append(("decay", len(variables)))

    def clip_gradients(self, gradients):
        self.called.append(("clip", len(gradients)))
        return gradients

    def update_averages(self, variables):
        self.called.append(("average", len(variables)))
        super().update_averages(variables)


def test_optimizer_calls_the_hooks_in_each_step():
    variables = [keras.Variable([1.0, 2.0], name=x) for x in ("a", "b")]
    optimizer = Watched(learning_rate=0.5, weight_decay=0.1, use_ema=True)
    optimizer.exclude_from_weight_decay(var_list=variables[:1])
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones(2), keras.ops.ones(2)], variables)
    assert sorted(optimizer.called) == [
        ("average", 2),
        ("clip", 2),
        ("decay", 1),
    ]


def test_errors_of_loading_hold_the_reason_between_two_marks():
    error = TypeError(
        "<class 'Model'> could not be deserialized properly. Exception "
        "encountered: Unknown layer 'X' Full object config: {'a': 1}"
    )
    reason = keras_internals.deserialization_reason(error)
    assert reason == "Unknown layer 'X'".strip("'")
    assert keras_internals.deserialization_reason(ValueError("x")) == "x"


def test_own_variables_of_a_frozen_layer_remain_trainable():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    layer.trainable = False
    assert len(keras_internals.own_variables(layer)) == 4
    names = [
        variable.name for variable in keras_internals.own_variables(layer, True)
    ]
    assert names == ["gamma", "beta"]


def test_own_variables_exclude_those_of_inner_layers():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    assert keras_internals.own_variables(model) == []
