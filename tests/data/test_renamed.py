import pytest

from keras_efficient import data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Augmentation", "ClassificationAugmentation"),
        ("ImagePreprocessing", "ClassificationPreprocessing"),
        ("ImageRecord", "ClassificationRecord"),
        ("ReadReport", "ClassificationReport"),
        ("from_arrays", "classification_from_arrays"),
    ],
)
def test_old_name_warns_and_works(old, new):
    with pytest.warns(DeprecationWarning, match=f"use `.*data.{new}`"):
        assert getattr(data, old) is getattr(data, new)
