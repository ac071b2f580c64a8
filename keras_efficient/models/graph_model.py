"""Base of the functional models that are classes of their own."""

import keras

from keras_efficient import fusing
from keras_efficient.internals import keras_internals


class GraphModel(keras.Model):
    """A functional model whose constructor builds its graph.

    Saving keeps the graph itself, layer by layer, with whatever was changed
    on the layers since, also which are frozen; loading gives an object of the
    same class.
    """

    def get_config(self):
        graph = keras.Model(self.input, self.output, name=self.name)
        config = graph.get_config()
        # Keras sets the model's own `trainable` on every layer when it loads.
        config["frozen_layers"] = [
            index
            for index, layer in enumerate(keras_internals.all_layers(self))
            if not layer.trainable
        ]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model from the config of its graph."""
        config = dict(config)
        frozen = set(config.pop("frozen_layers", ()))
        model = cls._of_graph(keras.Model.from_config(config, custom_objects))
        for index, layer in enumerate(keras_internals.all_layers(model)):
            if index in frozen:
                layer.trainable = False
        return model

    def fused(self, dtype=None):
        """The same network for inference: batch norm folded, and faster.

        A model of the same class, whose outputs differ by rounding only (or
        by the precision of `dtype`). It can be saved, loaded and exported,
        and does not train. `detect`, `classify`, `evaluate` of detectors and
        the exports make it by themselves.

        Args:
            dtype: String, the dtype of weights and of what is computed, such
                as `"bfloat16"`; outputs stay float32. Defaults to `None`: as
                the model is.

        Returns:
            A model with copies of the weights.

        Example:
        >>> model = keras_efficient.EfficientNetB0(weights=None)
        >>> fused = model.fused()
        >>> model.count_params() - fused.count_params()
        63024
        """
        return self._of_graph(fusing.fuse(self, dtype))

    def set_remat(self, remat=True):
        """Whether training saves memory by computing blocks twice.

        With it a step keeps the inputs of each block, cell and head only and
        computes what is inside anew for the gradients, which are the same:
        gradient checkpointing. Call it before `fit`, or compile again.

        Args:
            remat: Boolean. Defaults to `True`.

        Returns:
            The model.

        Raises:
            ValueError: If no layer of the model can be computed twice.

        Example:
        >>> model = keras_efficient.EfficientNetB0(weights=None)
        >>> model.set_remat().get_layer("block1a").remat
        True

        Reference:
            - [Chen et al., 2016](https://arxiv.org/abs/1604.06174).
        """
        layers = [
            x for x in keras_internals.all_layers(self) if hasattr(x, "remat")
        ]
        if not layers:
            raise ValueError(
                f"{type(self).__name__} has no layer that can be computed "
                "twice: MBConvBlock, PredictionHead and the layers of feature "
                "networks can."
            )
        for layer in layers:
            layer.remat = bool(remat)
        if hasattr(self, "train_function"):
            self.train_function = None
        return self

    @classmethod
    def _of_graph(cls, graph):
        """A model of this class around a graph that there is."""
        model = cls.__new__(cls)
        # Past the constructor of `cls`, which would build another graph.
        super(GraphModel, model).__init__(
            inputs=graph.input, outputs=graph.output, name=graph.name
        )
        return model
