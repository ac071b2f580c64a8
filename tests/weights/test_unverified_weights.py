"""Files without a published hash are checked when they are loaded."""

import numpy as np
import pytest

from keras_efficient.converters.naming.variable_names import named_variables
from keras_efficient.converters.pretrained import load_pretrained
from keras_efficient.weights import manifest
from tests.converters import tiny
from tests.marks import on_one_backend
from tests.weights import file_server
from tests.weights.test_download import cache
from tests.weights.test_download import entry_at

__all__ = ["cache"]
pytestmark = on_one_backend

NAME = "tiny.weights.h5"


@pytest.fixture
def publish(cache, tmp_path, monkeypatch):
    """Publish the weights of a model without a hash."""
    with file_server.serving() as server:

        def put(model):
            model.save_weights(tmp_path / NAME)
            server.files[f"/{NAME}"] = (tmp_path / NAME).read_bytes()
            entry = entry_at(
                f"{server.url}/{NAME}", file_hash={}, file_name=NAME
            )
            monkeypatch.setattr(manifest, "entries", lambda: (entry,))

        yield put


def changed(name, position, value):
    model = tiny.trained()
    variable = named_variables(model)[name]
    array = np.array(tiny.values(model)[name])
    array.flat[position] = value
    variable.assign(array)
    return model


def test_valid_weights_are_loaded(publish, caplog):
    model, source = tiny.build(), tiny.trained()
    publish(source)
    load_pretrained(model, "EfficientNetB0", "imagenet")
    tiny.check_equal(tiny.values(model), tiny.values(source))
    assert caplog.messages[0].startswith(f"{NAME} has no published hash; ")


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("stem_conv/kernel", np.nan, "infinite or NaN"),
        ("predictions/bias", np.inf, "infinite or NaN"),
        ("predictions/kernel", -np.inf, "infinite or NaN"),
        ("stem_bn/moving_variance", -1.0, "negative variance"),
    ],
)
def test_invalid_values_are_refused(publish, name, value, message):
    model = tiny.build()
    before = tiny.values(model)
    publish(changed(name, -1, value))
    with pytest.raises(ValueError, match=message) as caught:
        load_pretrained(model, "EfficientNetB0", "imagenet")
    assert NAME in str(caught.value) and name in str(caught.value)
    assert "delete it to download it again" in str(caught.value)
    tiny.check_equal(tiny.values(model), before)


@pytest.mark.parametrize(
    "options", [{"width_coefficient": 0.5}, {"depth_coefficient": 1.0}]
)
def test_other_names_and_shapes_are_refused(publish, options):
    model = tiny.build()
    before = tiny.values(model)
    publish(tiny.trained(**options))
    with pytest.raises(ValueError, match="does not fit"):
        load_pretrained(model, "EfficientNetB0", "imagenet")
    tiny.check_equal(tiny.values(model), before)
