"""One cell of NAS-FPN, which was found by architecture search."""

from typing import Any

import keras

from keras_efficient.feature_graphs import nas_fpn_nodes
from keras_efficient.layers.feature_network import FeatureNetworkLayer


@keras.saving.register_keras_serializable(package="keras_efficient")
class NASFPNLayer(FeatureNetworkLayer):
    """One cell of NAS-FPN: seven sums and attentions on levels 3 to 7.

    Its nodes are those of `feature_graphs.nas_fpn_nodes`.

    Args:
        filters: Integer, filters of every output.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        **kwargs: Further arguments of `FeatureNetworkLayer`; by
            default ReLU, regular 3x3 convolutions and pooling windows as large
            as their stride, as published.

    Call arguments:
        features: Dict with a tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second.
        training: Boolean, whether batch normalization uses the statistics of
            the batch.

    Returns:
        A dict with the same levels and sizes, each with `filters` channels.

    Raises:
        ValueError: If the levels are not 3 to 7, or a level is missing.

    Example:
    >>> layer = keras_efficient.layers.NASFPNLayer(8)
    >>> features = {
    ...     f"P{level}": keras.ops.ones((2, 128 >> level, 256 >> level, 4))
    ...     for level in range(3, 8)
    ... }
    >>> outputs = layer(features)
    >>> tuple(outputs["P3"].shape), tuple(outputs["P7"].shape)
    ((2, 16, 32, 8), (2, 1, 2, 8))

    Reference:
        - [Ghiasi et al., 2019](https://arxiv.org/abs/1904.07392) and
          `tensorflow/tpu`, `models/official/detection/modeling/`
          `architecture/nasfpn.py`.
    """

    def __init__(
        self,
        filters: int,
        min_level: int = 3,
        max_level: int = 7,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            min_level,
            max_level,
            **{
                "nodes": nas_fpn_nodes(min_level, max_level),
                "activation": "relu",
                "use_separable_conv": False,
                "pool_to_stride": True,
                **kwargs,
            },
        )
