"""Base class of the classification networks, and the steps they share."""

import re
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import keras

from keras_efficient import inference
from keras_efficient import weights as published
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.inference import Classification
from keras_efficient.inference.class_outputs import outputs_of
from keras_efficient.layers import Dense
from keras_efficient.layers.initializers import dense_kernel_initializer
from keras_efficient.models.graph_model import GraphModel
from keras_efficient.types import Activation
from keras_efficient.types import DataFormat
from keras_efficient.types import ImageLike
from keras_efficient.types import PathLike
from keras_efficient.types import Progress
from keras_efficient.types import Tensor
from keras_efficient.variants import EfficientNetVariant

_CLASSIFIER = "predictions"


class ClassificationModel(GraphModel):
    """Base class of the classification networks.

    Subclasses are `EfficientNet`, `MobileNetV1`, `MobileNetV2` and `ResNet50`.
    They build their graph in the constructor and define `pyramid_outputs`.

    Args:
        *args: Positional arguments of a functional `keras.Model`.
        **kwargs: Keyword arguments of a functional `keras.Model`.

    Example:
    >>> model = keras_efficient.MobileNetV2(classes=2)
    >>> isinstance(model, keras_efficient.models.ClassificationModel)
    True
    """

    _SAVED = ("exclusive", "threshold", "class_names")
    cloned_attributes = ("_class_names", "_exclusive", "_threshold")

    @property
    def num_classes(self) -> int | None:
        """Number of outputs; `None` for a network without classifier."""
        names = {layer.name for layer in self.layers}
        return self.output_shape[-1] if _CLASSIFIER in names else None

    @property
    def from_logits(self) -> bool | None:
        """Whether the outputs are logits, not probabilities.

        `None` for a network without classifier.
        """
        return (
            None if self.num_classes is None else outputs_of(self).from_logits
        )

    @property
    def exclusive(self) -> bool | None:
        """Whether exactly one class is right for an image.

        Determined by the last layer: `True` with a softmax and for several
        logits, `False` with a sigmoid and for a single logit. Set it to `False`
        for several logits of classes that do not exclude each other. It is
        saved with the model. `None` for a network without classifier.
        """
        return None if self.num_classes is None else outputs_of(self).exclusive

    @exclusive.setter
    def exclusive(self, exclusive: bool | None) -> None:
        if exclusive is not None:
            self._require_classifier("exclusive", exclusive)
            outputs_of(self, exclusive=exclusive)
        self._exclusive = exclusive

    @property
    def threshold(self) -> float | None:
        """Probability from which on a class is predicted; 0.5 by default.

        It applies to classes that do not exclude each other, and is saved with
        the model and its exports. `None` if `exclusive`, since the most
        probable class is then predicted.
        """
        return None if self.num_classes is None else outputs_of(self).threshold

    @threshold.setter
    def threshold(self, threshold: float | None) -> None:
        if threshold is not None:
            self._require_classifier("threshold", threshold)
            threshold = outputs_of(self, threshold=threshold).threshold
        self._threshold = threshold

    @property
    def _name_counts(self) -> tuple[int, ...]:
        """Accepted numbers of class names."""
        if self.num_classes != 1:
            return super()._name_counts
        # The numbers are the same for logits.
        return outputs_of(self, from_logits=False).name_counts

    def _require_classifier(self, name: str, value: Any) -> None:
        if self.num_classes is None:
            raise ValueError(
                f"{self.name!r} has no classifier, so that it has no "
                f"`{name}`. Build it with `include_top=True`. "
                f"Received: {name}={value!r}"
            )

    @property
    def pyramid_outputs(self) -> dict[str, Tensor]:
        """Features at each scale: `{"P1": tensor, ...}`, finest first.

        `"P3"` is `2**3` times smaller than the image. Each tensor is the last
        one of its size.
        """
        raise NotImplementedError

    def classify(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        top: int = 5,
        from_logits: bool | None = None,
        exclusive: bool | None = None,
        threshold: float | None = None,
        class_names: Sequence[str] | None = None,
        batch_size: int = 8,
        preprocessing: ClassificationPreprocessing | None = None,
        dtype: str | None = None,
        progress: Progress | None = None,
    ) -> list[Classification]:
        """Return the most probable classes of images of any size.

        The fused network is compiled at the first call for each batch size.

        Args:
            images: A path, a uint8 array of shape `(height, width, channels)`,
                a PIL image or the bytes of an image file; or a sequence of
                these.
            top: Integer, number of classes to return for each image. Defaults
                to 5.
            from_logits: Boolean, whether to apply a softmax to the outputs, or
                a sigmoid if not `exclusive`. Defaults to whether the last
                layer lacks an activation.
            exclusive: Boolean, whether exactly one class is right for an
                image. Defaults to `exclusive` of the model.
            threshold: Float in `[0, 1]`, probability from which on a class is
                predicted if not `exclusive`. Defaults to `threshold` of the
                model.
            class_names: Sequence of names in the order of the outputs.
                Defaults to `class_names` of the model, or else to the numbers
                of the classes.
            batch_size: Integer. Defaults to 8.
            preprocessing: A `data.ClassificationPreprocessing`, required if
                the model accepts images of any size. Defaults to resizing to
                the model's size.
            dtype: String, dtype of the computation, such as `"bfloat16"`.
                Defaults to that of the model.
            progress: Function of an iterator of results and their number that
                returns an iterable of the same results, such as a progress
                bar. Defaults to `None`.

        Returns:
            A list of `inference.Classification`, one for each image.

        Raises:
            FileNotFoundError: If an image does not exist.
            ValueError: If an image cannot be read or an argument is out of
                range.

        Example:
        >>> model = keras_efficient.EfficientNetB0(weights=None, classes=2)
        >>> model.class_names = ("cat", "dog")
        >>> (found,) = model.classify(np.zeros((60, 80, 3), "uint8"))
        >>> sorted(found.names)
        ['cat', 'dog']
        """
        return inference.classify(
            self,
            images,
            top=top,
            from_logits=from_logits,
            exclusive=exclusive,
            threshold=threshold,
            class_names=self.class_names
            if class_names is None
            else class_names,
            batch_size=batch_size,
            preprocessing=preprocessing,
            dtype=dtype,
            progress=progress,
        )


def load_weights(
    model: ClassificationModel,
    weights: PathLike | None,
    family: Collection[EfficientNetVariant],
    coefficients: tuple[float | None, float | None],
    is_published: bool,
) -> None:
    """Load the weights that the argument `weights` of a network names.

    Args:
        model: The new network.
        weights: `None`, a tag of published weights, or the path of a
            checkpoint.
        family: The published variants of the network.
        coefficients: Factors on width and depth of the model.
        is_published: Boolean, whether the other numbers of the model, such as
            its stages, are those of the family.

    Raises:
        ValueError: If `weights` is a tag and no published variant has the
            numbers of the model, or if it is unknown or does not fit.
    """
    # `None` scales nothing, as 1 does.
    wanted = tuple(x or 1.0 for x in coefficients)
    variants = [
        row
        for row in family
        if is_published
        and (row.width_coefficient, row.depth_coefficient) == wanted
    ]
    if variants or weights is None:
        name = variants[0].name if variants else ""
        load_pretrained(model, name, weights)
        return
    known = [row for row in family if weights in published.tags(row.name)]
    if known:
        rows = ", ".join(
            f"{row.name} (width_coefficient={row.width_coefficient}, "
            f"depth_coefficient={row.depth_coefficient})"
            for row in known
        )
        raise ValueError(
            f"The weights {weights!r} are published for {rows}. This network "
            "has other coefficients or stages, or another activation: use "
            "`weights=None` or the path of a checkpoint. "
            f"Received: weights={weights!r}"
        )
    load_pretrained(model, type(model).__name__, weights)


def global_pool(x: Tensor, pooling: str, data_format: DataFormat) -> Tensor:
    """Return the average (`"avg"`) or maximum (`"max"`) over the image."""
    layer = {
        "avg": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }[pooling]
    return layer(data_format=data_format, name=f"{pooling}_pool")(x)


def classification_top(
    x: Tensor,
    include_top: bool,
    pooling: str | None,
    classes: int,
    activation: Activation,
    dropout_rate: float,
    data_format: DataFormat,
) -> Tensor:
    """Apply the classifier, the pooling or neither to the last features."""
    if not include_top:
        return x if pooling is None else global_pool(x, pooling, data_format)
    x = global_pool(x, "avg", data_format)
    if dropout_rate > 0:
        x = keras.layers.Dropout(dropout_rate, name="top_dropout")(x)
    policy = keras.config.dtype_policy()
    is_half = policy.compute_dtype in ("float16", "bfloat16")
    return Dense(
        classes,
        activation=activation,
        kernel_initializer=dense_kernel_initializer(),
        # Probabilities in half precision lose their last digits.
        dtype="float32" if is_half else policy,
        name=_CLASSIFIER,
    )(x)


def pyramid_by_names(
    model: keras.Model, strided: str, last: str
) -> dict[str, Tensor]:
    """Return the last features at each scale, found by the names of layers.

    Args:
        model: Functional model whose first convolution halves the image, with
            its layers in the order of the network.
        strided: Regular expression for the layers that may halve the image
            again.
        last: Regular expression for the layers whose outputs are features.

    Returns:
        A dict `{"P1": tensor, ...}`, finest first.
    """
    pyramid, level = {}, 1
    for layer in model.layers:
        if re.fullmatch(strided, layer.name):
            level += max(keras.tree.flatten(layer.strides)) == 2
        if re.fullmatch(last, layer.name):
            pyramid[f"P{level}"] = layer.output
    return pyramid
