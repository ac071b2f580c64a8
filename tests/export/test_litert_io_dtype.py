"""LiteRT files of the network alone, with float or integer input and output."""

import functools

import keras
import numpy as np
import pytest

from keras_efficient import export
from keras_efficient.data import ClassificationPreprocessing
from keras_efficient.data import DetectionPreprocessing
from keras_efficient.export.verification.comparison import average_difference
from keras_efficient.export.verification.comparison import difference
from tests.marks import slow_elsewhere
from tests.support.export import OPTIONS
from tests.support.export import as_rows
from tests.support.export import colors
from tests.support.export import confident_detector
from tests.support.export import plain_classifier
from tests.support.export import squares
from tests.support.export import trained_classifier

pytest.importorskip("tensorflow")
litert = pytest.importorskip("ai_edge_litert.interpreter")

SIZE = (64, 96)
UNCROPPED = ClassificationPreprocessing(SIZE, crop_fraction=None)
INTEGERS = ("int8", "uint8")
ZERO_POINTS = {"int8": -128, "uint8": 0}


@functools.cache
def classifier():
    return trained_classifier()


@functools.cache
def detector():
    return confident_detector(input_shape=(96, 96, 3))


@pytest.fixture(scope="module")
def integer_files(tmp_path_factory):
    """One file of the classifier for each integer dtype."""
    pytest.importorskip("ai_edge_quantizer")
    folder = tmp_path_factory.mktemp("integers")
    return {
        dtype: export.litert(
            classifier(),
            folder / f"{dtype}.tflite",
            preprocessing=UNCROPPED,
            precision="int8",
            io_dtype=dtype,
            calibration=list(colors(SIZE, 20, seed=2)[0]),
            # The two differ in input and output only.
            verify=dtype == "int8",
        )
        for dtype in INTEGERS
    }


@pytest.fixture(scope="module")
def integer_detector(tmp_path_factory):
    pytest.importorskip("ai_edge_quantizer")
    return export.litert(
        detector(),
        tmp_path_factory.mktemp("detector") / "model.tflite",
        precision="int8",
        io_dtype="int8",
        calibration=squares((96, 96)),
        **OPTIONS,
    )


def tensor_dtypes(path):
    details = litert.Interpreter(str(path)).get_tensor_details()
    return {np.dtype(tensor["dtype"]).name for tensor in details}


def run_by_hand(path, pixels):
    """Outputs in their order in the file, without signatures or `load`."""
    interpreter = litert.Interpreter(str(path))
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    scale, zero = details["quantization"]
    values = (np.rint(pixels / scale) + zero).astype(details["dtype"])
    interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    outputs = []
    for details in interpreter.get_output_details():
        scale, zero = details["quantization"]
        integers = interpreter.get_tensor(details["index"])
        outputs.append((integers.astype("float32") - zero) * scale)
    return outputs


@slow_elsewhere
@pytest.mark.parametrize("dtype", INTEGERS)
def test_no_float_remains_in_classifiers(dtype, integer_files):
    path = integer_files[dtype]
    # Biases are int32.
    assert tensor_dtypes(path) == {"int8", "int32", dtype}
    interpreter = litert.Interpreter(str(path))
    (images,) = interpreter.get_input_details()
    (probabilities,) = interpreter.get_output_details()
    assert images["dtype"] == probabilities["dtype"] == np.dtype(dtype).type
    assert images["shape"].tolist() == [1, *SIZE, 3]
    assert probabilities["shape"].tolist() == [1, 5]
    zero = ZERO_POINTS[dtype]
    # Integers of the input are pixels, those of the output are 256ths.
    assert images["quantization"] == (1.0, zero)
    assert probabilities["quantization"] == (1 / 256, zero)


@slow_elsewhere
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_classifiers_agree_with_the_model(dtype, integer_files):
    images, labels = colors(SIZE, 40, seed=1)
    expected = classifier().predict(images.astype("float32"), verbose=0)
    assert (expected.argmax(-1) == labels).mean() > 0.9
    exported = export.load(integer_files[dtype])
    assert exported.metadata["io_dtype"] == dtype
    assert set(exported.signatures) == {"raw"}
    found = exported.predict(list(images))
    assert found.dtype == np.float32
    # Chance is 0.2. Random weights make int8 less exact than trained ones do.
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.7
    assert 0 < np.abs(found - expected).mean() < 0.12
    (by_hand,) = run_by_hand(integer_files[dtype], images[:1])
    np.testing.assert_allclose(by_hand, found[:1], atol=1e-6)


def test_differences_are_averaged_over_images():
    expected = {"probabilities": np.float32([[0, 1], [1, 0], [1, 0]])}
    found = {"probabilities": np.float32([[0, 1], [0.1, 0.9], [1, 0]])}
    assert difference(expected, found) == pytest.approx(0.9)
    assert average_difference(expected, found) == pytest.approx(0.3)
    found["probabilities"][0] = np.nan
    assert np.isnan(average_difference(expected, found))


@slow_elsewhere
def test_uint8_and_int8_are_the_same_network(integer_files):
    images = list(colors(SIZE, 5, seed=3)[0])
    first, second = (
        export.load(integer_files[dtype]).predict(images) for dtype in INTEGERS
    )
    np.testing.assert_array_equal(first, second)


@slow_elsewhere
def test_float_input_is_that_of_the_network(tmp_path):
    model = plain_classifier()
    path = export.litert(model, tmp_path / "a.tflite", io_dtype="float32")
    assert tensor_dtypes(path) <= {"float32", "int32"}
    exported = export.load(path)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 24, 32, 3))
    pixels = pixels.astype("float32")
    outputs = exported.signatures["raw"](pixels)
    expected = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    # An image is cropped and scaled as the model's preprocessing does, even
    # if it has the size of the input.
    for size in ((24, 32), (50, 40)):
        image = np.random.default_rng(1).integers(0, 256, (*size, 3), "uint8")
        pixels = ClassificationPreprocessing((24, 32))(image)[None]
        expected = model.predict(pixels.astype("float32"), verbose=0)
        np.testing.assert_allclose(exported.predict(image), expected, atol=1e-5)


@pytest.mark.slow
def test_float_detectors_are_finished_by_load(tmp_path):
    path = export.litert(
        detector(), tmp_path / "a.tflite", io_dtype="float32", **OPTIONS
    )
    exported = export.load(path)
    assert set(exported.signatures) == {"raw"}
    images = [squares((96, 96))[0], squares((80, 120))[1]]
    expected = as_rows(detector().detect(images, **OPTIONS))
    assert expected["num_detections"].min() > 3
    assert difference(expected, as_rows(exported.detect(images))) < 1e-4


@pytest.mark.slow
def test_no_float_remains_in_the_network_of_detectors(integer_detector):
    assert tensor_dtypes(integer_detector) == {"int8", "int32"}
    interpreter = litert.Interpreter(str(integer_detector))
    outputs = interpreter.get_output_details()
    anchors = detector().output["class_logits"].shape[1]
    assert [x["shape"].tolist() for x in outputs] == [
        [1, anchors, 3],
        [1, anchors, 4],
    ]


@pytest.mark.slow
def test_integer_detectors_agree_with_the_model(integer_detector):
    images = squares((96, 96))
    expected = detector().predict(images.astype("float32"), verbose=0)
    found = [run_by_hand(integer_detector, image[None]) for image in images]
    logits, deltas = (
        np.concatenate(arrays) for arrays in zip(*found, strict=True)
    )
    pairs = (
        (logits, expected["class_logits"]),
        (deltas, expected["box_deltas"]),
    )
    for values, others in pairs:
        assert np.corrcoef(values.ravel(), others.ravel())[0, 1] > 0.95
    exported = export.load(integer_detector)
    outputs = exported.signatures["raw"](images.astype("float32"))
    np.testing.assert_allclose(outputs["class_logits"], logits, atol=1e-5)
    # With random weights, rounding decides which boxes are suppressed.
    assert len(exported.detect(images[0])[0]) > 0


@slow_elsewhere
def test_operators_without_integers_are_named(tmp_path):
    pytest.importorskip("ai_edge_quantizer")
    model = plain_classifier(keras.layers.Activation("elu"))
    with pytest.raises(ValueError, match=r"without floating point.*\bELU\b"):
        export.litert(
            model,
            tmp_path / "a.tflite",
            precision="int8",
            io_dtype="int8",
            calibration=squares((24, 32)),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"io_dtype": "int16"}, "'float32', 'int8', 'uint8'.*'int16'"),
        (
            {"io_dtype": "int8"},
            "'int8'.*pass precision=\"int8\" and `calibration`.*'float32'",
        ),
        (
            {"io_dtype": "uint8", "precision": "float16"},
            "'uint8'.*`calibration`.*'float16'",
        ),
        (
            {"io_dtype": "uint8", "precision": "int8"},
            "needs `calibration`.*None",
        ),
        (
            {"io_dtype": "int8", "precision": "int8", "calibration": []},
            "at least one image",
        ),
        (
            {"io_dtype": "float32", "image_size": (50, 60)},
            r"network alone.*\(24, 32\).*\(50, 60\)",
        ),
    ],
    ids=str,
)
def test_contradictions_are_rejected(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.litert(plain_classifier(), tmp_path / "a.tflite", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_mediapipe_detectors_have_no_integer_version(tmp_path):
    with pytest.raises(ValueError, match="non-maximum suppression.*'int8'"):
        export.litert(
            detector(),
            tmp_path / "a.tflite",
            layout="mediapipe",
            precision="int8",
            io_dtype="int8",
            calibration=squares((96, 96)),
            preprocessing=DetectionPreprocessing((96, 96)),
        )
