"""One cell of the path aggregation network."""

from typing import Any

import keras

from keras_efficient.feature_graphs import panet_nodes
from keras_efficient.layers.feature_network import FeatureNetworkLayer


@keras.saving.register_keras_serializable(package="keras_efficient")
class PANetLayer(FeatureNetworkLayer):
    """One cell of PANet: down the pyramid and up again.

    Its nodes are those of `feature_graphs.panet_nodes`, which has a diagram.

    Args:
        filters: Integer, filters of every output.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        **kwargs: Further arguments of `FeatureNetworkLayer`; inputs
            are summed unless `weight_method` is passed.

    Call arguments:
        features: Dict with a tensor for each level, `{"P3": tensor, ...}`, of
            shape `(batch, height, width, channels)` or with channels second.
        training: Boolean, whether batch normalization uses the statistics of
            the batch.

    Returns:
        A dict with the same levels and sizes, each with `filters` channels.

    Raises:
        ValueError: If there are fewer than two levels, or a level is missing.

    Example:
    >>> layer = keras_efficient.layers.PANetLayer(8, max_level=5)
    >>> features = {
    ...     f"P{level}": keras.ops.ones((2, 64 >> level, 96 >> level, 4))
    ...     for level in range(3, 6)
    ... }
    >>> {level: tuple(x.shape) for level, x in layer(features).items()}
    {'P3': (2, 8, 12, 8), 'P4': (2, 4, 6, 8), 'P5': (2, 2, 3, 8)}

    Reference:
        - [Liu et al., 2018](https://arxiv.org/abs/1803.01534), with the
          convolution and the normalization of EfficientDet, section 5.2.
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
                "nodes": panet_nodes(min_level, max_level),
                "weight_method": "sum",
                **kwargs,
            },
        )
