"""One cell of a feature network, as a list of nodes says."""

import dataclasses

import keras

from keras_efficient.feature_graphs import FusionNode
from keras_efficient.feature_graphs import levels_of_features
from keras_efficient.feature_graphs import output_features
from keras_efficient.layers import folding
from keras_efficient.layers.attention_fusion import AttentionFusion
from keras_efficient.layers.batch_normalization import BatchNormalization
from keras_efficient.layers.conv2d import Conv2D
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.resample_features import ResampleFeatures
from keras_efficient.layers.separable_conv2d import SeparableConv2D
from keras_efficient.layers.weighted_fusion import WeightedFusion
from keras_efficient.layers.weighted_fusion import fused_method


@keras.saving.register_keras_serializable(package="keras_efficient")
class FeatureNetworkLayer(keras.layers.Layer):
    """Merges the features of all levels, in the order of a list of nodes.

    At each node the inputs are brought to its level and to `filters`
    (`ResampleFeatures`, each with its own convolution where the filters
    differ) and merged; activation, a 3x3 convolution and batch norm follow.
    The outputs have passed no activation.

    Args:
        filters: Integer, filters of every output.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        nodes: Sequence of `feature_graphs.FusionNode`, or of dicts of their
            fields. Defaults to none: each level for itself.
        weight_method: How weighted nodes weigh their inputs; see
            `WeightedFusion`. Defaults to `"fast_normalized"`.
        activation: Activation after the fusion. Defaults to `"swish"`.
        use_separable_conv: Boolean, whether the 3x3 convolution is a
            depthwise one and a 1x1. Defaults to `True`.
        pool_to_stride: Boolean, whether the window of max pooling is as
            large as its stride instead of one more. Defaults to `False`.
        use_bias: Boolean, whether convolutions have a bias, although batch
            norm follows. Defaults to `True`, as in the published weights.
        padding: String, `"same"` or `"symmetric"`. Defaults to `"same"`.
        batch_norm_momentum: Float, share of the old statistics that is kept.
            Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        fused: Boolean, whether the layer is one for inference, whose
            convolutions have taken batch norm in; see `GraphModel.fused`.
            Defaults to `False`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        features: Dict of a tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second.
            Each level is half as large as the one before, rounded up.
        training: Boolean, whether batch norm uses the batch's statistics.

    Returns:
        A dict of the same levels and sizes, each with `filters`.

    Raises:
        ValueError: If the nodes are no feature network of these levels, or a
            level is missing.

    Example:
    >>> from keras_efficient.feature_graphs import FusionNode
    >>> layer = keras_efficient.layers.FeatureNetworkLayer(
    ...     8, min_level=3, max_level=4, nodes=[FusionNode(3, (0, 1))]
    ... )
    >>> features = {
    ...     "P3": keras.ops.ones((2, 9, 14, 4)),
    ...     "P4": keras.ops.ones((2, 5, 7, 6)),
    ... }
    >>> {level: tuple(x.shape) for level, x in layer(features).items()}
    {'P3': (2, 9, 14, 8), 'P4': (2, 5, 7, 8)}
    """

    # Set by `GraphModel.set_remat`.
    remat = False

    def __init__(
        self,
        filters,
        min_level=3,
        max_level=7,
        nodes=(),
        weight_method="fast_normalized",
        activation="swish",
        use_separable_conv=True,
        pool_to_stride=False,
        use_bias=True,
        padding="same",
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        data_format=None,
        fused=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.min_level = min_level
        self.max_level = max_level
        self.nodes = tuple(_as_node(node) for node in nodes)
        self.weight_method = weight_method
        self.activation = keras.activations.get(activation)
        self.use_separable_conv = use_separable_conv
        self.pool_to_stride = pool_to_stride
        self.use_bias = use_bias
        self.padding = padding
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.data_format = standardize_data_format(data_format)
        self.fused = fused
        self._make_layers()

    def _make_layers(self):
        self.feature_levels = levels_of_features(
            self.nodes, self.min_level, self.max_level
        )
        # For each node: its inputs' resampling, fusion, convolution and norm.
        self.resamples, self.fusions, self.convs, self.bns = [], [], [], []
        for i, node in enumerate(self.nodes):
            name = f"node{i}"
            self.resamples.append(
                [
                    self._resample(f"{name}_from{source}", source, node.level)
                    for source in _sources(node)
                ]
            )
            self.fusions.append(self._fusion(node, f"{name}_fusion"))
            self.convs.append(self._conv(f"{name}_conv"))
            self.bns.append(self._batch_norm(f"{name}_bn"))
        self.outputs_of = output_features(
            self.nodes, self.min_level, self.max_level
        )
        # A level without node gives its input, with the filters of the rest.
        num_inputs = self.max_level - self.min_level + 1
        self.output_resamples = {
            f"P{level}": self._resample(f"output_p{level}", source, level)
            for level, source in self.outputs_of.items()
            if source < num_inputs
        }

    def build(self, features_shape):
        shapes = self._in_order(features_shape)
        inputs = dict(zip(self.feature_levels, shapes, strict=False))
        outputs = {
            level: self._shape_at(shape) for level, shape in inputs.items()
        }
        shapes += [outputs[node.level] for node in self.nodes]
        for i, node in enumerate(self.nodes):
            resampled = []
            for resample, source in zip(
                self.resamples[i], _sources(node), strict=True
            ):
                pair = shapes[source], inputs[node.level]
                resample.build(*pair)
                resampled.append(resample.compute_output_shape(*pair))
            # Here sizes that do not halve from level to level come to light.
            self.fusions[i].build(resampled[: len(node.inputs)])
            self.convs[i].build(outputs[node.level])
            if self.bns[i] is not None:
                self.bns[i].build(outputs[node.level])
        for level, shape in inputs.items():
            if f"P{level}" in self.output_resamples:
                self.output_resamples[f"P{level}"].build(shape)

    @rematerializable
    def call(self, features, training=None):
        features = self._in_order(features)
        targets = dict(zip(self.feature_levels, features, strict=False))
        for i, node in enumerate(self.nodes):
            resampled = [
                resample(
                    features[source],
                    targets[node.level],
                    training=training,
                )
                for resample, source in zip(
                    self.resamples[i], _sources(node), strict=True
                )
            ]
            num_merged = len(node.inputs)
            x = self.fusions[i](resampled[:num_merged])
            for added in resampled[num_merged:]:
                x = x + added
            features.append(
                folding.normalized(
                    self.activation(x), self.convs[i], self.bns[i], training
                )
            )
        outputs = {
            f"P{level}": features[source]
            for level, source in self.outputs_of.items()
        }
        for level, resample in self.output_resamples.items():
            outputs[level] = resample(outputs[level], training=training)
        return outputs

    def fold_from(self, network):
        """Takes the weights of a network that is not fused."""
        for i in range(len(self.nodes)):
            folding.fold(self.convs[i], network.convs[i], network.bns[i])
            if isinstance(self.fusions[i], WeightedFusion):
                self.fusions[i].fold_from(network.fusions[i])
            for resample, source in zip(
                self.resamples[i], network.resamples[i], strict=True
            ):
                resample.fold_from(source)
        for level, resample in self.output_resamples.items():
            resample.fold_from(network.output_resamples[level])

    def compute_output_shape(self, features_shape):
        shapes = self._in_order(features_shape)
        return {
            f"P{level}": self._shape_at(shape)
            for level, shape in zip(self.outputs_of, shapes, strict=True)
        }

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "min_level": self.min_level,
                "max_level": self.max_level,
                "nodes": [dataclasses.asdict(node) for node in self.nodes],
                "weight_method": self.weight_method,
                "activation": keras.activations.serialize(self.activation),
                "use_separable_conv": self.use_separable_conv,
                "pool_to_stride": self.pool_to_stride,
                "use_bias": self.use_bias,
                "padding": self.padding,
                "batch_norm_momentum": self.batch_norm_momentum,
                "batch_norm_epsilon": self.batch_norm_epsilon,
                "data_format": self.data_format,
                "fused": self.fused,
            }
        )
        return config

    def _in_order(self, features):
        """The features of all levels as a list, finest first."""
        levels = range(self.min_level, self.max_level + 1)
        names = [f"P{level}" for level in levels]
        if not isinstance(features, dict) or set(features) != set(names):
            received = (
                sorted(features)
                if isinstance(features, dict)
                else type(features).__name__
            )
            raise ValueError(
                f"{type(self).__name__} takes a dict of one tensor for each "
                f"of the levels {names}. Received: {received}"
            )
        return [features[name] for name in names]

    def _shape_at(self, shape):
        """The shape of a level's inputs, with the filters of its output."""
        shape = list(shape)
        shape[channel_axis(self.data_format)] = self.filters
        return tuple(shape)

    def _resample(self, name, source, level):
        change = level - self.feature_levels[source]
        return ResampleFeatures(
            self.filters,
            level_change=change,
            pool_size=2**change if self.pool_to_stride and change > 0 else None,
            use_bias=self.use_bias,
            padding=self.padding,
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            fused=self.fused,
            name=name,
            **self._shared_arguments(),
        )

    def _fusion(self, node, name):
        if node.merge == "attention":
            levels = [self.feature_levels[source] for source in node.inputs]
            return AttentionFusion(
                finer_first=levels[0] < levels[1],
                name=name,
                **self._shared_arguments(),
            )
        method = "sum" if node.merge == "sum" else self.weight_method
        if self.fused:
            method = fused_method(method)
        return WeightedFusion(method, name=name, **self._shared_arguments())

    def _conv(self, name):
        conv = SeparableConv2D if self.use_separable_conv else Conv2D
        return conv(
            self.filters,
            3,
            use_bias=self.use_bias or self.fused,
            padding=self.padding,
            name=name,
            **self._shared_arguments(),
        )

    def _batch_norm(self, name):
        if self.fused:
            return None
        return BatchNormalization(
            axis=channel_axis(self.data_format),
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )

    def _shared_arguments(self):
        return {"data_format": self.data_format, "dtype": self.dtype_policy}


def _sources(node):
    return (*node.inputs, *node.added)


def _as_node(node):
    """A node from its config, whose tuples have become lists."""
    if isinstance(node, FusionNode):
        return node
    tuples = {key: tuple(node.get(key, ())) for key in ("inputs", "added")}
    return FusionNode(**{**node, **tuples})
