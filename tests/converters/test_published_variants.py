"""Tests for recognizing published networks and the settings they need."""

import pathlib

import numpy as np
import pytest

import keras_efficient
from keras_efficient.converters.file_formats import FORMATS
from keras_efficient.converters.file_formats import Checkpoint
from keras_efficient.converters.naming.classification_schemes import SCHEMES
from keras_efficient.converters.naming.classification_schemes import TIMM
from keras_efficient.converters.naming.classification_schemes import TORCHVISION
from keras_efficient.converters.naming.identification import SOURCES
from keras_efficient.converters.naming.identification import Origin
from keras_efficient.converters.naming.published_variants import check_model
from keras_efficient.converters.naming.published_variants import variant_of_file
from keras_efficient.converters.naming.published_variants import (
    variant_of_model,
)
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.naming.variable_names import blocks_in
from tests.converters import checkpoints
from tests.converters import tiny
from tests.marks import on_one_backend

pytestmark = on_one_backend


def arrays_of(scheme, variant):
    """Return arrays of a published network, without allocating memory."""
    shapes = checkpoints.shapes_of(variant)
    return {
        name: np.broadcast_to(
            np.float32(0), checkpoints.shape_in_file(scheme, canonical, shapes)
        )
        for name, canonical in scheme.table(blocks_in(shapes)).items()
        if canonical in shapes
    }


def check_settings(model, source, scheme, variant):
    """Check padding and epsilon of a model as `load_checkpoint` does."""
    checkpoint = Checkpoint(
        pathlib.Path("a.pth"), FORMATS[0], arrays_of(scheme, variant)
    )
    origin = Origin(SOURCES[source], scheme)
    check_model(checkpoint, origin, Network.of(model))


def test_error_names_the_required_arguments():
    with pytest.raises(ValueError) as caught:
        check_settings(tiny.build(), "timm", TIMM, "EfficientNetB2")
    _, _, code = str(caught.value).partition("Build it as `")
    model = eval(code.removesuffix("`."), {"keras_efficient": keras_efficient})
    check_settings(model, "timm", TIMM, "EfficientNetB2")
    assert variant_of_model(Network.of(model)) == "EfficientNetB2"


@pytest.mark.parametrize("i", range(8))
def test_the_epsilon_of_torchvision_changes_with_b5(i):
    epsilon = 1e-5 if i < 5 else 1e-3
    arguments = ("torchvision", TORCHVISION, f"EfficientNetB{i}")
    model = tiny.build(padding="symmetric", batch_norm_epsilon=epsilon)
    check_settings(model, *arguments)
    model = tiny.build(padding="symmetric", batch_norm_epsilon=0.01)
    with pytest.raises(ValueError, match=f"epsilon={epsilon:g};"):
        check_settings(model, *arguments)


@pytest.mark.parametrize(
    "name", ["EfficientNetB0", "EfficientNetB3", "EfficientNetLite2"]
)
def test_variants_of_models(name):
    model = getattr(keras_efficient, name)(
        weights=None, include_top=False, input_shape=(64, 96, 1)
    )
    assert variant_of_model(Network.of(model)) == name


def test_other_models_are_not_variants():
    assert variant_of_model(Network.of(tiny.build())) is None


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.name)
@pytest.mark.parametrize(
    "variant",
    [
        "EfficientNetB0",
        "EfficientNetB1",
        "EfficientNetLite0",
        "EfficientNetLite1",
        "EfficientNetLite4",
    ],
)
def test_variants_of_files(scheme, variant):
    """B1 has all variables of B0 and of Lite1, and some more."""
    origin = Origin(SOURCES["keras_efficient"], scheme)
    assert variant_of_file(arrays_of(scheme, variant), origin) == variant
