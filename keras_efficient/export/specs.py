"""What an export needs to know of its model, whatever the task."""

from keras_efficient.export.classification_spec import ClassificationSpec
from keras_efficient.export.classification_spec import describe_classification
from keras_efficient.export.detection_spec import DetectionSpec
from keras_efficient.export.detection_spec import describe_detection
from keras_efficient.models.detection_model import DetectionModel


def describe(model, class_names, preprocessing, from_logits, options):
    """Reads from a model what its export needs.

    Args:
        model: A `keras.Model`: a detector of ours, or a classifier.
        class_names: Names in the order of the outputs, or `None`.
        preprocessing: `data.ClassificationPreprocessing`, or
            `data.DetectionPreprocessing` of a detector, or `None`.
        from_logits: Boolean or `None`, of classifiers.
        options: Dict of keyword arguments of `postprocessing.postprocess`, of
            detectors.

    Returns:
        A `ClassificationSpec` or a `DetectionSpec`.

    Raises:
        TypeError: If an argument is of another class, or of no use to the
            model.
        ValueError: If the arguments do not fit to the model.
    """
    if isinstance(model, DetectionModel):
        if from_logits is not None:
            raise TypeError(
                "`from_logits` is for classifiers, and the model is a "
                f"detector. Received: from_logits={from_logits}"
            )
        return describe_detection(model, class_names, preprocessing, options)
    if options:
        raise TypeError(
            "These arguments are for detectors, and the model is a "
            f"{type(model).__name__}. Received: {', '.join(sorted(options))}"
        )
    return describe_classification(
        model, class_names, preprocessing, from_logits
    )


def spec_from_config(config):
    """The inverse of a spec's `to_config`.

    Args:
        config: Dict.

    Returns:
        A `ClassificationSpec` or a `DetectionSpec`.
    """
    is_detector = config["task"] == "detection"
    return (DetectionSpec if is_detector else ClassificationSpec).from_config(
        config
    )
