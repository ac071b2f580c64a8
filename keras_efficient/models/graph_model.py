"""Base class of the functional models that are classes of their own."""

import re
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import TypeVar

import keras

from keras_efficient import fusing
from keras_efficient.internals import keras_internals
from keras_efficient.models.first_batch import first_batch
from keras_efficient.models.first_batch import warn_if_batch_is_scaled
from keras_efficient.models.taps import find_layer

Model = TypeVar("Model", bound="GraphModel")


class GraphModel(keras_internals.CloneableModel):
    """Functional model with named classes, whose constructor builds its graph.

    Saving keeps the graph layer by layer, with all changes made to layers
    since, such as which are frozen. Loading returns a model of the same class,
    and so does `keras.models.clone_model`.
    Subclasses have a property `num_classes`.
    """

    cloned_attributes: tuple[str, ...] = ("_class_names",)

    # Properties that are saved, in the order in which they are restored.
    _SAVED: ClassVar[tuple[str, ...]] = ("class_names",)

    @property
    def num_classes(self) -> int | None:
        """Number of classes; `None` for a network without classifier."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes in the order of the outputs, or `None`.

        They are saved with the model.
        """
        return getattr(self, "_class_names", None)

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        if names is None:
            self._class_names = None
            return
        if self.num_classes is None:
            raise ValueError(
                f"{self.name!r} has no classifier, so that it has no "
                "`class_names`. Build it with `include_top=True`. "
                f"Received: class_names={names!r}"
            )
        counts = self._name_counts
        if isinstance(names, str) or len(names) not in counts:
            received = (
                f"the string {names!r}"
                if isinstance(names, str)
                else f"{len(names)} names"
            )
            raise ValueError(
                "`class_names` must be a sequence of "
                f"{' or '.join(map(str, counts))} names, one for each class "
                "of the model. "
                f"Received: {received}"
            )
        self._class_names = tuple(str(name) for name in names)

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Train the model, after validating the first batch.

        A warning is shown if the images of a model with preprocessing are in
        `[0, 1]` instead of `[0, 255]`.

        Args:
            x: As for `keras.Model.fit`.
            y: As for `keras.Model.fit`.
            *args: Further arguments of `keras.Model.fit`.
            **kwargs: Further arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.
        """
        batch = first_batch(x, y)
        if batch is not None:
            self._check_batch(batch)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the loss and the metrics for arrays or a dataset.

        A warning is shown for arrays in `[0, 1]` instead of `[0, 255]`, if the
        model has preprocessing.

        Args:
            x: As for `keras.Model.evaluate`.
            y: As for `keras.Model.evaluate`.
            *args: Further arguments of `keras.Model.evaluate`.
            **kwargs: Further arguments of `keras.Model.evaluate`.

        Returns:
            Numbers, as `keras.Model.evaluate` returns them.
        """
        warn_if_batch_is_scaled(self, x)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for arrays or a dataset of images.

        A warning is shown for arrays in `[0, 1]` instead of `[0, 255]`, if the
        model has preprocessing.

        Args:
            x: As for `keras.Model.predict`.
            *args: Further arguments of `keras.Model.predict`.
            **kwargs: Further arguments of `keras.Model.predict`.

        Returns:
            Arrays, as `keras.Model.predict` returns them.
        """
        warn_if_batch_is_scaled(self, x)
        return super().predict(x, *args, **kwargs)

    def _check_batch(self, batch: Any) -> None:
        """Validate the first batch of `fit`."""
        warn_if_batch_is_scaled(self, batch)

    def get_layer(
        self, name: str | None = None, index: int | None = None
    ) -> Any:
        """Return a layer by its name or its index, or a part of a block.

        Blocks are single layers here. The layers inside them in
        `keras.applications` are found by the names they have there, such as
        `"block6a_expand_activation"`; see `models.layer_output`.

        Args:
            name: String, name of a layer, or of a part of a block. Defaults to
                `None`.
            index: Integer, position in `layers`. Defaults to `None`.

        Returns:
            A `keras.layers.Layer`, or a `models.BlockPart`, which has an
            `output` and an `input` as a layer has.

        Raises:
            ValueError: If there is no such layer, or not exactly one of the
                arguments is given.
        """
        if name is None or index is not None:
            return super().get_layer(name, index)
        return find_layer(self, name)

    def quantize(
        self,
        mode: str | None = None,
        config: Any = None,
        filters: Any = None,
        **kwargs: Any,
    ) -> None:
        """Quantize the dense layers, as `keras.Model.quantize` does.

        Keras has no quantized convolutions: nearly all computation stays in
        floats. `keras_efficient.export.litert` and `export.openvino` write
        networks that are quantized as a whole. The fused network of
        `classify` and of exports has dense layers of floats with the values of
        the quantized weights.

        Args:
            mode: String, such as `"int8"`, `"int4"` or `"float8"`. Defaults to
                that of `config`.
            config: A `keras.quantizers.QuantizationConfig`. Defaults to that
                of `mode`.
            filters: Regular expression, list of these or function of a layer,
                which layers to quantize. Defaults to all.
            **kwargs: As for `keras.Model.quantize`.

        Raises:
            ValueError: If the model has no dense layer, or the mode is
                unknown.
        """
        layers = keras_internals.all_layers(self)
        if not any(isinstance(x, keras.layers.Dense) for x in layers):
            raise ValueError(
                "`quantize` of Keras supports dense layers, not convolutions, "
                f"and {self.name!r} has no dense layer. Export a quantized "
                "network with `keras_efficient.export.litert(model, path, "
                'precision="int8")`. '
                f"Received: mode={mode!r}"
            )
        super().quantize(
            mode, config=config, filters=_only_dense(filters), **kwargs
        )

    @property
    def _name_counts(self) -> tuple[int, ...]:
        """Accepted numbers of class names."""
        return (self.num_classes,) if self.num_classes is not None else ()

    def get_config(self) -> dict[str, Any]:
        """Return the graph, its frozen layers and the class names."""
        graph = keras.Model(self.input, self.output, name=self.name)
        config = graph.get_config()
        # Keras applies the model's `trainable` to every layer when it loads.
        config["frozen_layers"] = [
            index
            for index, layer in enumerate(keras_internals.all_layers(self))
            if not layer.trainable
        ]
        config.update(self._attributes())
        return config

    @classmethod
    def from_config(
        cls: type[Model],
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
    ) -> Model:
        """Build the model from the config of its graph."""
        config = dict(config)
        frozen = set(config.pop("frozen_layers", ()))
        attributes = {
            name: config.pop(name) for name in cls._SAVED if name in config
        }
        model = cls._of_graph(keras.Model.from_config(config, custom_objects))
        for index, layer in enumerate(keras_internals.all_layers(model)):
            if index in frozen:
                layer.trainable = False
        model._set_attributes(attributes)
        return model

    def fused(self: Model, dtype: str | None = None) -> Model:
        """Return the network for inference, with batch normalization folded.

        The outputs of the fused model differ from those of this model by
        rounding only, or by the precision of `dtype`. It can be saved, loaded
        and exported, but not trained. `detect`, `classify`, the evaluation of
        detectors and the exports call this method themselves.

        Args:
            dtype: String, dtype of the weights and of the computation, such as
                `"bfloat16"`. Outputs remain float32. Defaults to that of this
                model.

        Returns:
            A model of the same class, with copies of the weights.

        Example:
        >>> model = keras_efficient.EfficientNetB0(weights=None)
        >>> fused = model.fused()
        >>> model.count_params() - fused.count_params()
        63024
        """
        model = self._of_graph(fusing.fuse(self, dtype))
        model._set_attributes(self._attributes())
        return model

    def set_remat(self: Model, remat: bool = True) -> Model:
        """Trade computation for memory in training (gradient checkpointing).

        A training step then stores only the inputs of each block, cell and
        head, and computes their inner values again for the gradients, which
        are the same. Call it before `fit`, or compile again.

        Args:
            remat: Boolean, whether to compute blocks again. Defaults to
                `True`.

        Returns:
            The model.

        Raises:
            ValueError: If no layer of the model supports it.

        Example:
        >>> model = keras_efficient.EfficientNetB0(weights=None)
        >>> model.set_remat().get_layer("block1a").remat
        True

        Reference:
            - [Chen et al., 2016](https://arxiv.org/abs/1604.06174).
        """
        layers = [
            layer
            for layer in keras_internals.all_layers(self)
            if hasattr(layer, "remat")
        ]
        if not layers:
            raise ValueError(
                "Gradient checkpointing is supported by MBConvBlock, "
                "PredictionHead and the layers of feature networks. "
                f"{type(self).__name__} has none of these layers; build an "
                "EfficientNet with `unroll_blocks=False`."
            )
        for layer in layers:
            layer.remat = bool(remat)
        if hasattr(self, "train_function"):
            self.train_function = None
        return self

    def _attributes(self) -> dict[str, Any]:
        """Return what is saved with the graph."""
        return {name: getattr(self, f"_{name}", None) for name in self._SAVED}

    def _set_attributes(self, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            # Lists where a file has no tuples.
            value = tuple(value) if isinstance(value, list) else value
            setattr(self, f"_{name}", value)

    @classmethod
    def _of_graph(cls: type[Model], graph: keras.Model) -> Model:
        """Return a model of this class with an existing graph."""
        model = cls.__new__(cls)
        # Skips the constructor of `cls`, which would build another graph.
        super(GraphModel, model).__init__(
            inputs=graph.input, outputs=graph.output, name=graph.name
        )
        return model


def _only_dense(filters: Any) -> Callable[[keras.layers.Layer], bool]:
    """Restrict the filters of `keras.Model.quantize` to dense layers."""
    patterns = filters if isinstance(filters, list | tuple) else [filters]

    def is_wanted(layer: keras.layers.Layer) -> bool:
        if not isinstance(layer, keras.layers.Dense):
            return False
        if filters is None or callable(filters):
            return filters is None or bool(filters(layer))
        return any(re.search(pattern, layer.name) for pattern in patterns)

    return is_wanted
