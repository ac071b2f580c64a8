"""Old names of the evaluation functions work and warn."""

import pytest

from keras_efficient import evaluation
from keras_efficient import visualization


@pytest.mark.parametrize(
    "old, function",
    [
        ("evaluate_classifier", evaluation.evaluate_classification),
        ("evaluate_detector", evaluation.evaluate_detection),
        ("plot_confusion_matrix", visualization.plot_confusion_matrix),
    ],
)
def test_old_name(old, function):
    with pytest.warns(DeprecationWarning, match=f"{old}.*{function.__name__}`"):
        assert getattr(evaluation, old) is function
