"""What the outputs of a classification model mean."""

import dataclasses
import math
import numbers
from typing import Any

import keras
import numpy as np

from keras_efficient.inference.logits import last_activation
from keras_efficient.inference.logits import sigmoid
from keras_efficient.inference.logits import softmax

DEFAULT_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class ClassOutputs:
    """What the outputs of a classification model mean.

    Attributes:
        number: Integer, number of outputs.
        from_logits: Boolean, whether a softmax or a sigmoid must be applied to
            the outputs.
        exclusive: Boolean, whether exactly one class is right for an image, as
            with a softmax. Otherwise each output is the probability that its
            class is in the image, as with a sigmoid.
        threshold: Float, from which on such a probability means that the
            class is predicted; `None` for exclusive classes, of which the most
            probable one is predicted.
    """

    number: int
    from_logits: bool
    exclusive: bool
    threshold: float | None

    @property
    def name_counts(self) -> tuple[int, ...]:
        """Accepted numbers of class names.

        One output that is not exclusive has the name of its class, or the
        names of both classes, that of high probabilities second.
        """
        is_binary = self.number == 1 and not self.exclusive
        return (1, 2) if is_binary else (self.number,)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probabilities for outputs `(batch, number)`."""
        if not self.from_logits:
            return outputs
        return softmax(outputs) if self.exclusive else sigmoid(outputs)

    def predicted(self, probabilities: np.ndarray) -> np.ndarray:
        """Return which classes are predicted.

        Args:
            probabilities: Float array `(batch, number)`.

        Returns:
            Boolean array of the same shape.
        """
        if self.threshold is not None:
            return probabilities >= np.float32(self.threshold)
        best = probabilities.argmax(axis=-1)
        return np.arange(self.number) == best[:, None]

    @property
    def logit_threshold(self) -> float:
        """The threshold in terms of the outputs themselves."""
        threshold = self.threshold or 0.0
        if not self.from_logits:
            return threshold
        if threshold in (0.0, 1.0):
            return math.copysign(math.inf, threshold - 0.5)
        return math.log(threshold / (1 - threshold))


def outputs_of(
    model: keras.Model,
    from_logits: bool | None = None,
    exclusive: bool | None = None,
    threshold: float | None = None,
) -> ClassOutputs:
    """Return what the outputs of a classification model mean.

    Args:
        model: A functional or Sequential `keras.Model` with one output of
            shape `(batch, number)`. Its attributes `exclusive` and
            `threshold` apply if it is a `ClassificationModel`.
        from_logits: Boolean. Defaults to `None`: whether the last layer lacks
            an activation.
        exclusive: Boolean. Defaults to `None`: whether the activation is a
            softmax; for logits, whether there are several outputs.
        threshold: Float in `[0, 1]`. Defaults to `None`: 0.5.

    Returns:
        `ClassOutputs`.

    Raises:
        ValueError: If the meaning cannot be determined from the last layer,
            an argument is out of range, or they contradict each other.

    Example:
    >>> from keras_efficient.inference.class_outputs import outputs_of
    >>> model = keras_efficient.EfficientNetB0(
    ...     weights=None, classes=1, classifier_activation="sigmoid"
    ... )
    >>> outputs_of(model)
    ClassOutputs(number=1, from_logits=False, exclusive=False, threshold=0.5)
    """
    number = _count(model)
    if exclusive is None:
        exclusive = getattr(model, "_exclusive", None)
    if from_logits is None or (exclusive is None and not from_logits):
        activation = last_activation(model, is_needed=from_logits is None)
        if from_logits is None:
            from_logits = activation is None
        if exclusive is None and activation is not None:
            exclusive = activation == "softmax"
    if exclusive is None:
        # One exclusive class would have the probability 1 in every image.
        exclusive = number > 1
    if exclusive and from_logits and number == 1:
        raise ValueError(
            "The softmax of a single output is always 1. Use "
            "`exclusive=False` for a model with one output, or build it with "
            "`classes=2`. Received: exclusive=True"
        )
    if threshold is None and not exclusive:
        threshold = getattr(model, "_threshold", None)
        threshold = DEFAULT_THRESHOLD if threshold is None else threshold
    return ClassOutputs(
        number,
        bool(from_logits),
        bool(exclusive),
        check_threshold(threshold, bool(exclusive)),
    )


def check_threshold(threshold: Any, exclusive: bool) -> float | None:
    """Return a threshold as a float, or raise a `ValueError`.

    Args:
        threshold: A number in `[0, 1]` or `None`.
        exclusive: Boolean, whether exactly one class is right.
    """
    if threshold is None:
        return None
    if exclusive:
        raise ValueError(
            "`threshold` is for models whose classes do not exclude each "
            "other: one output, or several with a sigmoid. The most probable "
            "class of this model is predicted. For outputs of another meaning "
            f"pass `exclusive=False`. Received: threshold={threshold!r}"
        )
    is_number = isinstance(threshold, numbers.Real)
    if not is_number or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ValueError(
            "`threshold` must be a probability in [0, 1]. "
            f"Received: threshold={threshold!r}"
        )
    return float(threshold)


def _count(model: keras.Model) -> int:
    shapes = [tuple(x.shape) for x in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2 or not shapes[0][1]:
        raise ValueError(
            "The model must have one output for each class, of shape (batch, "
            f"classes). Received: {model.name!r} with the output shapes "
            f"{shapes}"
        )
    return shapes[0][1]
