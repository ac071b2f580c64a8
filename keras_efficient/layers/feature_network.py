"""One cell of a feature network, defined by a list of nodes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient.feature_graphs import FusionNode
from keras_efficient.feature_graphs import levels_of_features
from keras_efficient.feature_graphs import output_features
from keras_efficient.layers.attention_fusion import AttentionFusion
from keras_efficient.layers.conv_norm import ConvNorm
from keras_efficient.layers.data_format import channel_axis
from keras_efficient.layers.data_format import standardize_data_format
from keras_efficient.layers.folding import Foldable
from keras_efficient.layers.remat import rematerializable
from keras_efficient.layers.resample_features import ResampleFeatures
from keras_efficient.layers.weighted_fusion import WeightedFusion
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import Padding
from keras_efficient.types import Shape
from keras_efficient.types import Tensor


@keras.saving.register_keras_serializable(package="keras_efficient")
class FeatureNetworkLayer(Foldable):
    """One cell of a feature network, defined by a list of nodes.

    At each node, `ResampleFeatures` brings the inputs to the level of the node
    and to `filters` (with a convolution of its own if the filters differ),
    and they are fused. An activation, a 3x3 convolution and batch
    normalization follow. No activation follows the outputs.

    Args:
        filters: Integer, filters of every output.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        nodes: Sequence of `feature_graphs.FusionNode`, or of dicts of their
            fields. Defaults to none, which keeps the levels separate.
        weight_method: String, method of the weighted nodes; see
            `WeightedFusion`. Defaults to `"fast_normalized"`.
        activation: Activation after the fusion. Defaults to `"swish"`.
        use_separable_conv: Boolean, whether the 3x3 convolution is separable
            (depthwise and 1x1). Defaults to `True`.
        pool_to_stride: Boolean, whether the window of max pooling is as large
            as its stride instead of one larger. Defaults to `False`.
        use_bias: Boolean, whether convolutions have a bias although a batch
            normalization follows. Defaults to `True`, as in the published
            weights.
        padding: String, `"same"` or `"symmetric"`. Defaults to `"same"`.
        batch_norm_momentum: Float, fraction of the moving statistics that each
            update keeps. Defaults to 0.99.
        batch_norm_epsilon: Float, added to the variance. Defaults to 1e-3.
        data_format: String, `"channels_last"` or `"channels_first"`. Defaults
            to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        features: Dict of one tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second.
            Height and width halve from level to level, rounded up.
        training: Boolean, whether batch normalization uses the statistics of
            the batch.

    Returns:
        A dict of the same levels and sizes, each with `filters` channels.

    Raises:
        ValueError: If the nodes do not form a feature network of these levels,
            or a level is missing.

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
        filters: int,
        min_level: int = 3,
        max_level: int = 7,
        nodes: Sequence[FusionNode | dict[str, Any]] = (),
        weight_method: str = "fast_normalized",
        activation: Activation = "swish",
        use_separable_conv: bool = True,
        pool_to_stride: bool = False,
        use_bias: bool = True,
        padding: Padding = "same",
        batch_norm_momentum: float = 0.99,
        batch_norm_epsilon: float = 1e-3,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
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
        self.feature_levels = levels_of_features(
            self.nodes, self.min_level, self.max_level
        )
        self.outputs_of = output_features(
            self.nodes, self.min_level, self.max_level
        )
        self._make_layers()

    def _make_layers(self) -> None:
        # For each node: the resampling of its inputs, fusion and convolution.
        self.resamples, self.fusions, self.conv_norms = [], [], []
        for i, node in enumerate(self.nodes):
            self.resamples.append(
                [
                    self._resample(f"node{i}_from{source}", source, node.level)
                    for source in _sources(node)
                ]
            )
            self.fusions.append(self._fusion(node, f"node{i}_fusion"))
            self.conv_norms.append(self._conv_norm(f"node{i}"))
        # A level without a node returns its input, resampled to `filters`.
        num_inputs = self.max_level - self.min_level + 1
        self.output_resamples = {
            f"P{level}": self._resample(f"output_p{level}", source, level)
            for level, source in self.outputs_of.items()
            if source < num_inputs
        }

    def build(self, features_shape: dict[str, Shape]) -> None:
        """Create the weights of all nodes."""
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
            # Raises an error if sizes do not halve from level to level.
            self.fusions[i].build(resampled[: len(node.inputs)])
            self.conv_norms[i].build(outputs[node.level])
        for level, shape in inputs.items():
            if f"P{level}" in self.output_resamples:
                self.output_resamples[f"P{level}"].build(shape)

    @rematerializable
    def call(
        self, features: dict[str, Tensor], training: bool | None = None
    ) -> dict[str, Tensor]:
        """Run the nodes in their order."""
        tensors = self._in_order(features)
        targets = dict(zip(self.feature_levels, tensors, strict=False))
        for i, node in enumerate(self.nodes):
            resampled = [
                resample(
                    tensors[source],
                    targets[node.level],
                    training=training,
                )
                for resample, source in zip(
                    self.resamples[i], _sources(node), strict=True
                )
            ]
            num_fused = len(node.inputs)
            x = self.fusions[i](resampled[:num_fused])
            for added in resampled[num_fused:]:
                x = x + added
            x = self.conv_norms[i](self.activation(x), training=training)
            tensors.append(x)
        outputs = {
            f"P{level}": tensors[source]
            for level, source in self.outputs_of.items()
        }
        for level, resample in self.output_resamples.items():
            outputs[level] = resample(outputs[level], training=training)
        return outputs

    def compute_output_shape(
        self, features_shape: dict[str, Shape]
    ) -> dict[str, Shape]:
        """Return the shapes of the outputs."""
        shapes = self._in_order(features_shape)
        return {
            f"P{level}": self._shape_at(shape)
            for level, shape in zip(self.outputs_of, shapes, strict=True)
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
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
            }
        )
        return config

    def _in_order(self, features: dict[str, Any]) -> list[Any]:
        """Return the features of all levels as a list, finest first."""
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

    def _shape_at(self, shape: Shape) -> Shape:
        """Return the shape of a level with the filters of the outputs."""
        output = list(shape)
        output[channel_axis(self.data_format)] = self.filters
        return tuple(output)

    def _resample(self, name: str, source: int, level: int) -> ResampleFeatures:
        change = level - self.feature_levels[source]
        return ResampleFeatures(
            self.filters,
            level_change=change,
            pool_size=2**change if self.pool_to_stride and change > 0 else None,
            use_bias=self.use_bias,
            padding=self.padding,
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _fusion(self, node: FusionNode, name: str) -> keras.layers.Layer:
        shared = {"data_format": self.data_format, "dtype": self.dtype_policy}
        if node.merge == "attention":
            levels = [self.feature_levels[source] for source in node.inputs]
            return AttentionFusion(
                finer_first=levels[0] < levels[1], name=name, **shared
            )
        method = "sum" if node.merge == "sum" else self.weight_method
        return WeightedFusion(method, name=name, **shared)

    def _conv_norm(self, name: str) -> ConvNorm:
        return ConvNorm(
            self.filters,
            3,
            convolution="separable" if self.use_separable_conv else "regular",
            use_bias=self.use_bias,
            padding=self.padding,
            kernel_initializer="glorot_uniform",
            batch_norm_momentum=self.batch_norm_momentum,
            batch_norm_epsilon=self.batch_norm_epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )


def _sources(node: FusionNode) -> tuple[int, ...]:
    return (*node.inputs, *node.added)


def _as_node(node: FusionNode | dict[str, Any]) -> FusionNode:
    """Return a node, also from its config, where tuples have become lists."""
    if isinstance(node, FusionNode):
        return node
    tuples = {key: tuple(node.get(key, ())) for key in ("inputs", "added")}
    return FusionNode(**{**node, **tuples})
