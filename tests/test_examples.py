"""Small runs of the examples."""

import numpy as np
import pytest
from PIL import Image

from tests.examples.running import quick_on_torch
from tests.examples.running import run


@pytest.mark.slow
def test_demo(tmp_path):
    folder = tmp_path / "demo"
    output = run(
        "demo.py", "--directory", folder, "--images", "10", "--epochs", "1"
    )
    assert "10 images with " in output and "boxes of 4 classes" in output
    assert "AP by size: " in output and "Done in" in output
    assert (folder / "served" / "shapes" / "1" / "saved_model.pb").exists()
    assert "Running the SavedModel on the bytes of" in output
    assert (folder / "model.keras").exists()
    with Image.open(folder / "detections.png") as picture:
        assert picture.size == (1200, 600)


@pytest.mark.slow
def test_finetune_detector(tmp_path):
    rng = np.random.default_rng(0)
    source = tmp_path / "set"
    for split in ("train", "val"):
        (source / split / "images").mkdir(parents=True)
        (source / split / "labels").mkdir()
        for i in range(4):
            image = rng.integers(0, 255, (60, 80, 3)).astype("uint8")
            path = source / split / "images" / f"{i}.png"
            Image.fromarray(image).save(path)
            label = source / split / "labels" / f"{i}.txt"
            label.write_text("0 0.5 0.5 0.4 0.6\n")
    (source / "data.yaml").write_text("names: [cell]\n")
    output = run(
        "finetune_detection.py",
        source,
        *"--weights none --image-size 64 96 --batch-size 4 --epochs 1".split(),
        *("--anchor-scale", "12", "--directory", tmp_path / "run"),
    )
    assert "4 images with 4 boxes of 1 classes" in output
    assert "0% of the boxes of class 'cell' have an anchor" in output
    assert "cell " in output and "AP by size" in output
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"model.keras", "precision_recall.png", "detections.png"} <= names


@quick_on_torch
@pytest.mark.parametrize(
    "layout",
    [pytest.param(x, marks=pytest.mark.slow) for x in ("folder", "npz")],
)
def test_finetune_classifier(tmp_path, layout):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (10, 40, 52, 3), "uint8")
    labels = np.arange(10) % 2
    if layout == "npz":
        source = tmp_path / "set.npz"
        arrays = {"x_train": images, "y_train": labels}
        np.savez(source, x_test=images[:4], y_test=labels[:4], **arrays)
    else:
        source = tmp_path / "pictures"
        for i, label in enumerate(labels):
            folder = source / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[i]).save(folder / f"{i}.png")
    output = run(
        "finetune_classification.py",
        source,
        *"--weights none --features block2b --image-size 32".split(),
        *"--batch-size 4 --head-epochs 1 --epochs 1 --directory".split(),
        tmp_path / "run",
    )
    assert "2 classes" in output and "head alone: " in output
    assert (tmp_path / "run" / "model.keras").exists()


@pytest.mark.slow
def test_swap_feature_network(tmp_path):
    picture = tmp_path / "networks.png"
    output = run(
        "swap_feature_network.py",
        *("--resolution", "64", "--runs", "1", "--picture", picture),
    )
    assert "BiFPN      3,880,067" in output
    rows = [line.split()[0] for line in output.splitlines()[1:5]]
    assert rows == ["FPN", "PANet", "NAS-FPN", "BiFPN"]
    with Image.open(picture) as drawn:
        assert drawn.width > 1000


@pytest.mark.slow
def test_export_model(tmp_path):
    for package in ("tensorflow", "ai_edge_litert"):
        pytest.importorskip(package)
    from tests.support.export import confident_detector

    confident_detector(input_shape=(96, 96, 3)).save(tmp_path / "model.keras")
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), "uint8")
    Image.fromarray(pixels).save(photos / "one.png")
    arguments = ["--photo", photos / "one.png", "--calibration", photos]
    folder = tmp_path / "exported"
    output = run(
        "export_model.py", tmp_path / "model.keras", *arguments,
        "--directory", folder, "--formats", "saved_model", "litert",
    )  # fmt: skip
    rows = [line.split(maxsplit=4) for line in output.splitlines()[-4:]]
    assert [row[:2] for row in rows] == [
        ["saved_model", "float32"],
        ["litert", "float32"],
        ["litert", "float16"],
        ["litert", "int8"],
    ]
    assert all(float(row[2]) > 0 and float(row[3]) > 0 for row in rows)
    assert "cat" in rows[0][4] and rows[0][4] == rows[1][4]


@pytest.mark.slow
def test_scale_network(tmp_path):
    arguments = ("--step", "0.4", "--epochs", "1", "--multiply-adds", "1e7")
    results = tmp_path / "search.jsonl"
    picture = tmp_path / "search.png"
    arguments = (*arguments, "--results", results, "--plot", picture)
    output = run("scale_network.py", *arguments)
    assert "[2/2]" in output and "phi 3: " in output
    assert "of 10,000,000)" in output
    assert picture.exists()
    again = run("scale_network.py", *arguments)
    assert "2 of 2 scores are in" in again
    assert again.splitlines()[-1] == output.splitlines()[-1]
