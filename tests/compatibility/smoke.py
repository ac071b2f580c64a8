"""Exercise an installed `keras_efficient` in about a minute.

    KERAS_BACKEND=torch python -P tests/compatibility/smoke.py result.json

Imports nothing of this repository, so that it tests the package as users
install it. Every warning that code of the package causes is an error. The
result and the versions of the installed packages are written to the file.
"""

import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Callable

warnings.filterwarnings("error", module=r"keras_efficient(\..*)?$")
# Deprecated names of the package itself, whoever uses them.
warnings.filterwarnings("error", message="`keras_efficient")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import keras_efficient  # noqa: E402
from keras_efficient.converters import load_checkpoint  # noqa: E402
from keras_efficient.converters.naming import variable_names  # noqa: E402
from keras_efficient.variants import MBConvStage  # noqa: E402

# Columns: repeats, kernel, stride, filters, expansion.
STAGES = (
    MBConvStage(1, 3, 1, 8, 1),
    MBConvStage(1, 3, 2, 8, 2),
    MBConvStage(1, 3, 2, 16, 2),
    MBConvStage(1, 3, 2, 24, 2),
)
NAMES = ["cat", "dog", "fox"]
SIZE = (64, 64, 3)


def main() -> None:
    """Run every check; the result is written to the file in `sys.argv`."""
    result = {
        "python": platform.python_version(),
        "versions": {
            distribution.name.lower(): distribution.version
            for distribution in importlib.metadata.distributions()
        },
        "failure": "the process ended",
    }
    path = pathlib.Path(sys.argv[1])
    path.write_text(json.dumps(result))
    try:
        run_checks()
        result["failure"] = None
    except Exception as error:
        result["failure"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        path.write_text(json.dumps(result))


def run_checks() -> None:
    """Run every check in an empty folder."""
    keras.utils.set_random_seed(1)
    with tempfile.TemporaryDirectory() as name:
        for check in (
            check_source,
            check_classifier,
            check_detector,
            check_data,
            check_program,
        ):
            print(check.__name__, flush=True)
            folder = pathlib.Path(name, check.__name__)
            folder.mkdir()
            check(folder)


def check_source(folder: pathlib.Path) -> None:
    """Compile all modules; the compiler warns about deprecated syntax."""
    package = pathlib.Path(keras_efficient.__file__).parent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in package.rglob("*.py"):
            compile(path.read_text(encoding="utf-8"), str(path), "exec")


def build_classifier() -> keras.Model:
    """Return an EfficientNet of four blocks."""
    model = keras_efficient.EfficientNet(
        stages=STAGES,
        stem_filters=8,
        top_filters=16,
        input_shape=SIZE,
        classes=3,
    )
    model.class_names = NAMES
    return model


def build_detector() -> keras.Model:
    """Return an EfficientDet on four blocks."""
    backbone = keras_efficient.EfficientNet(
        include_top=False,
        stages=STAGES,
        stem_filters=8,
        top_filters=8,
        input_shape=SIZE,
    )
    model = keras_efficient.EfficientDet(
        backbone,
        num_classes=3,
        fpn_filters=16,
        fpn_repeats=1,
        head_repeats=1,
        max_level=5,
    )
    model.class_names = NAMES
    return model


def check_classifier(folder: pathlib.Path) -> None:
    """Train, save, load and use a classifier."""
    model = build_classifier()
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(pixels(4), np.array([0, 1, 2, 0]), 2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    _check_files(model, build_classifier, folder)
    arrays = {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in variable_names.named_variables(model).items()
    }
    np.savez(folder / "a.npz", **arrays)
    loaded = build_classifier()
    load_checkpoint(loaded, folder / "a.npz")
    _check_equal(_values(loaded, pixels(2)), _values(model, pixels(2)))
    result = model.classify(list(pixels(2).astype("uint8")))
    assert len(result) == 2


def check_detector(folder: pathlib.Path) -> None:
    """Train, save, load and use a detector."""
    model = build_detector()
    model.compile(keras_efficient.training.DetectionAdamW(1e-3))
    truth = {
        "boxes": np.tile(np.array([[[8, 8, 40, 48]]], "float32"), (4, 1, 1)),
        "labels": np.array([[0], [1], [2], [0]], "int32"),
    }
    history = model.fit(pixels(4), truth, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    _check_files(model, build_detector, folder)
    images = list(pixels(2).astype("uint8"))
    result = model.detect(images, score_threshold=0.0)
    assert len(result) == 2 and len(result[0].boxes)


def check_data(folder: pathlib.Path) -> None:
    """Read a data set in COCO's format."""
    rows, images = [], []
    for i in range(4):
        Image.fromarray(pixels(1)[0].astype("uint8")).save(folder / f"{i}.png")
        images.append(dict(id=i, file_name=f"{i}.png", height=64, width=64))
        box = [8, 8, 32, 40]
        rows.append(dict(id=i, image_id=i, category_id=1 + i % 3, bbox=box))
    categories = [dict(id=i, name=name) for i, name in enumerate(NAMES, 1)]
    content = dict(images=images, annotations=rows, categories=categories)
    (folder / "boxes.json").write_text(json.dumps(content))
    dataset = keras_efficient.data.load_detection(folder)
    assert list(dataset.class_names) == NAMES and len(dataset) == 4
    batches = dataset.batches(batch_size=2, image_size=64)
    image, truth = next(iter(batches))
    assert image.shape == (2, *SIZE) and set(truth) >= {"boxes", "labels"}


def check_program(folder: pathlib.Path) -> None:
    """Run the installed program."""
    script = pathlib.Path(sysconfig.get_path("scripts"), "keras-efficient")
    done = subprocess.run(
        [script, "--help"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "classify" in done.stdout, done.stdout


def pixels(count: int) -> np.ndarray:
    """Return random images."""
    rng = np.random.default_rng(1)
    return rng.uniform(0, 255, (count, *SIZE)).astype("float32")


def _check_files(
    model: keras.Model, build: Callable[[], keras.Model], folder: pathlib.Path
) -> None:
    images = pixels(2)
    expected = _values(model, images)
    model.save(folder / "a.keras")
    loaded = keras.models.load_model(folder / "a.keras")
    assert loaded.class_names == model.class_names
    _check_equal(_values(loaded, images), expected)
    model.save_weights(folder / "a.weights.h5")
    loaded = build()
    loaded.load_weights(folder / "a.weights.h5")
    _check_equal(_values(loaded, images), expected)
    loaded = build()
    load_checkpoint(loaded, folder / "a.weights.h5")
    _check_equal(_values(loaded, images), expected)


def _values(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    outputs = model.predict(images, verbose=0)
    if isinstance(outputs, dict):
        return [outputs[name] for name in sorted(outputs)]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _check_equal(
    received: list[np.ndarray], expected: list[np.ndarray]
) -> None:
    for x, y in zip(received, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()
