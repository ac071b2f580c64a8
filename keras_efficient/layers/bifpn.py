"""One cell of the bidirectional feature network of EfficientDet."""

from typing import Any

import keras

from keras_efficient.feature_graphs import bifpn_nodes
from keras_efficient.layers.feature_network import FeatureNetworkLayer


@keras.saving.register_keras_serializable(package="keras_efficient")
class BiFPNLayer(FeatureNetworkLayer):
    """One cell of BiFPN: down and up the pyramid, with learned weights.

    Its nodes are those of `feature_graphs.bifpn_nodes`, which has a diagram.

    Args:
        filters: Integer, filters of every output.
        min_level: Integer, finest level. Defaults to 3.
        max_level: Integer, coarsest level. Defaults to 7.
        **kwargs: Further arguments of `FeatureNetworkLayer`.

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
    >>> layer = keras_efficient.layers.BiFPNLayer(8, max_level=5)
    >>> features = {
    ...     f"P{level}": keras.ops.ones((2, 64 >> level, 96 >> level, 4))
    ...     for level in range(3, 6)
    ... }
    >>> {level: tuple(x.shape) for level, x in layer(features).items()}
    {'P3': (2, 8, 12, 8), 'P4': (2, 4, 6, 8), 'P5': (2, 2, 3, 8)}

    Reference:
        - [Tan et al., 2020, section 3](https://arxiv.org/abs/1911.09070).
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
                "nodes": bifpn_nodes(min_level, max_level),
                **kwargs,
            },
        )
