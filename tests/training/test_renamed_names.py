"""Names of version 0.1 keep working, with a warning."""

import keras
import numpy as np
import pytest

from keras_efficient import training


@pytest.mark.parametrize(
    "old, new",
    [
        ("DetectorAdamW", "DetectionAdamW"),
        ("DetectorSGD", "DetectionSGD"),
        ("DetectorResult", "FinetuneResult"),
        ("finetune_classifier", "finetune_classification"),
        ("finetune_detector", "finetune_detection"),
        ("quicken_batch_norm", "adapt_batch_norm_momentum"),
    ],
)
def test_old_name(old, new):
    with pytest.warns(DeprecationWarning, match=f"training.{new}` instead"):
        assert getattr(training, old) is getattr(training, new)


def test_old_attributes_of_a_result(tmp_path):
    result = training.FinetuneResult({"loss": [1.0]}, {"loss": [2.0]}, tmp_path)
    with pytest.warns(DeprecationWarning, match="FinetuneResult.logs"):
        assert result.all == {"loss": [1.0]}
    with pytest.warns(DeprecationWarning, match="FinetuneResult.head_logs"):
        assert result.head == {"loss": [2.0]}


@pytest.mark.parametrize("flag, part", [(True, "all"), (False, "none")])
def test_boolean_batch_norm(tmp_path, flag, part):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, name="predictions")]
    )
    arguments = {"directory": tmp_path, "head_epochs": 0, "epochs": 0}
    batches = [(np.zeros((1, 4)), np.zeros((1, 2)))]
    with pytest.warns(DeprecationWarning, match=f'batch_norm="{part}"'):
        training.finetune_classification(
            model, batches, train_batch_norm=flag, **arguments
        )


def test_models_saved_with_an_old_optimizer_load():
    optimizer = training.DetectionSGD(0.1, clip_each=2.0)
    config = keras.saving.serialize_keras_object(optimizer)
    config["registered_name"] = "keras_efficient>DetectorSGD"
    loaded = keras.saving.deserialize_keras_object(config)
    assert isinstance(loaded, training.DetectionSGD) and loaded.clip_each == 2.0
