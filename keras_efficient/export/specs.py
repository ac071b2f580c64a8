"""What an export needs to know of its model, whatever the task."""

from keras_efficient.export.classifier_spec import ClassifierSpec
from keras_efficient.export.classifier_spec import describe_classifier
from keras_efficient.export.detector_spec import DetectorSpec
from keras_efficient.export.detector_spec import describe_detector
from keras_efficient.models.detector import Detector


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
        A `ClassifierSpec` or a `DetectorSpec`.

    Raises:
        TypeError: If an argument is of another class, or of no use to the
            model.
        ValueError: If the arguments do not fit to the model.
    """
    if isinstance(model, Detector):
        if from_logits is not None:
            raise TypeError(
                "`from_logits` is for classifiers, and the model is a "
                f"detector. Received: from_logits={from_logits}"
            )
        return describe_detector(model, class_names, preprocessing, options)
    if options:
        raise TypeError(
            "These arguments are for detectors, and the model is a "
            f"{type(model).__name__}. Received: {', '.join(sorted(options))}"
        )
    return describe_classifier(model, class_names, preprocessing, from_logits)


def spec_from_config(config):
    """The inverse of a spec's `to_config`.

    Args:
        config: Dict.

    Returns:
        A `ClassifierSpec` or a `DetectorSpec`.
    """
    is_detector = config["task"] == "detection"
    return (DetectorSpec if is_detector else ClassifierSpec).from_config(config)
