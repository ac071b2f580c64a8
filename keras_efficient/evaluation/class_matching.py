"""Classes of a model and classes of a data set, matched by their names."""

from collections.abc import Sequence

import numpy as np

from keras_efficient.data import ClassificationDataset
from keras_efficient.data import DetectionDataset
from keras_efficient.data.records import listed


def match_classes(
    model: object, dataset: ClassificationDataset | DetectionDataset
) -> np.ndarray | None:
    """Return the data set's label of each class of a model.

    Args:
        model: A model, with or without `class_names` and `num_classes`.
        dataset: A data set with `class_names`.

    Returns:
        An integer array, -1 for classes that the data set does not have; or
        `None` if the labels of model and data set are the same.

    Raises:
        ValueError: If the model does not have all classes of the data set.
    """
    expected = list(dataset.class_names)
    class_names = getattr(model, "class_names", None)
    if class_names is None or _are_numbers(class_names):
        count = len(class_names or expected)
        count = getattr(model, "num_classes", count)
        if count != len(expected):
            raise ValueError(
                f"The model must have the {len(expected)} classes of the data "
                "set, or the names of its own classes: set "
                f"`model.class_names`. Received: a model with {count} classes"
            )
        return None
    return match_names(class_names, expected)


def match_names(
    class_names: Sequence[str], expected: Sequence[str]
) -> np.ndarray | None:
    """Return the label in a data set of each class of a model, by names.

    Args:
        class_names: Names of the classes of the model.
        expected: Names of the classes of the data set.

    Returns:
        See `match_classes`.

    Raises:
        ValueError: If the model does not have all classes of the data set.
    """
    known, expected = list(class_names), list(expected)
    missing = [name for name in expected if name not in known]
    if missing:
        raise ValueError(
            "The model must have all classes of the data set, by their names: "
            "set `model.class_names`, or load the data set with "
            "`class_names` that omit the others. Received: the classes "
            f"{listed(missing)}, unknown to a model with {listed(known)}"
        )
    if known == expected:
        return None
    labels = {name: label for label, name in enumerate(expected)}
    return np.array([labels.get(name, -1) for name in known])


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether names only number the classes, as those of unnamed exports."""
    return list(names) == [str(label) for label in range(len(names))]
