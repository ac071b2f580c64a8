"""Labels in the form that a classification model is trained on."""

from typing import Any

import keras

from keras_efficient.data import ClassificationBatches
from keras_efficient.inference.class_outputs import ClassOutputs
from keras_efficient.inference.class_outputs import outputs_of


class ClassTargets:
    """The form of labels that suits the outputs of a model.

    Args:
        model: A classification model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.outputs: ClassOutputs | None
        try:
            self.outputs = outputs_of(model)
        except ValueError:
            # As `fit`, the labels and the loss are those of a softmax.
            self.outputs = None

    def fitting(self, batches: Any) -> Any:
        """Return batches whose labels suit the model.

        Args:
            batches: `data.ClassificationBatches`, or any data for `fit`, which
                is returned unchanged.

        Returns:
            The batches; with `label_mode="binary"` for one output and two
            classes.

        Raises:
            ValueError: If the labels do not suit the model.
        """
        outputs = self.outputs
        if not isinstance(batches, ClassificationBatches) or outputs is None:
            return batches
        mode = batches.label_mode
        if mode == "multi_hot" and outputs.exclusive:
            raise ValueError(
                "The data set is multi-label: an image may belong to any "
                "number of classes, but exactly one is right for the model. "
                'Build it with `classifier_activation="sigmoid"`, or set '
                "`model.exclusive = False` if its outputs are logits."
            )
        is_binary = outputs.number == 1 and not outputs.exclusive
        if is_binary and mode != "multi_hot" and batches.num_classes == 2:
            return batches.with_label_mode("binary")
        if outputs.number != batches.num_classes:
            raise ValueError(
                f"The model must have the {batches.num_classes} classes of the "
                f"data set. Received: a model with {outputs.number} outputs"
            )
        return batches

    def check_names(self, model: keras.Model, dataset: Any) -> None:
        """Raise an error if the classes of a data set have another order.

        Args:
            model: The model.
            dataset: A data set with `class_names`, or other data.

        Raises:
            ValueError: If evaluation, which matches the classes by their
                names, would take a class for another.
        """
        own = getattr(model, "class_names", None)
        names = getattr(dataset, "class_names", None)
        if own is None or names is None or tuple(own) == tuple(names):
            return
        is_one = len(own) == 1 and len(names) == 2
        if is_one and own[0] == names[1]:
            return
        if set(own) <= set(names) and (is_one or len(own) == len(names)):
            raise ValueError(
                "The classes of the model must have the order of the data set, "
                "whose labels it is trained on: set `model.class_names = "
                f"{tuple(names)}`. Received: {tuple(own)}"
            )

    def recipe(self, batches: Any) -> dict[str, Any]:
        """Return arguments of `classification_recipe` for these batches."""
        mode = getattr(batches, "label_mode", "categorical")
        is_multi_label = mode == "multi_hot"
        return {"outputs": self.outputs, "single_label": not is_multi_label}
