"""Draw the images of the documentation from an untrained demo."""

import importlib.util
import pathlib

import pytest
from PIL import Image

REPOSITORY = pathlib.Path(__file__).parents[2]
IMAGES = {
    "training_batch.jpg",
    "curves.png",
    "precision_recall.png",
    "confusion_matrix.png",
    "predictions.jpg",
}


def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_pictures_of_a_training(tmp_path):
    pytest.importorskip("matplotlib")
    demo = module_of(REPOSITORY / "examples" / "demo.py")
    images = module_of(REPOSITORY / "docs" / "scripts" / "make_images.py")
    for split in ("train", "val"):
        demo.draw_dataset(tmp_path / "pictures", split, 8, seed=0)
    (tmp_path / "run").mkdir()
    log = "epoch,loss,val_mAP\n0.0,2.5,nan\n1.0,1.5,0.1\n"
    (tmp_path / "run" / "log_all.csv").write_text(log)
    demo.build_model(demo.CLASSES).save(tmp_path / "model.keras")
    images.draw_training(tmp_path, tmp_path / "images")
    made = {path.name: path for path in (tmp_path / "images").iterdir()}
    assert set(made) == IMAGES
    for path in made.values():
        with Image.open(path) as picture:
            assert min(picture.size) > 300
        assert (REPOSITORY / "docs" / "images" / path.name).exists()
