"""Draw the images of the documentation.

    python docs/scripts/make_images.py

Runs `examples/demo.py`, which takes a quarter of an hour on two CPU cores, or
uses an existing output folder of the demo, `--demo`. The demo draws its data
from fixed seeds, so that a repeated run on the same machine produces the same
images.
"""

import argparse
import pathlib
import runpy
import sys
import tempfile

import keras

import keras_efficient

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "examples" / "demo.py"
IMAGE_SIZE = (128, 128)


def main():
    """Draw all images and print their folder."""
    args = parse_arguments()
    folder = pathlib.Path(args.to)
    folder.mkdir(parents=True, exist_ok=True)
    draw_networks(folder)
    if args.demo is not None:
        draw_training(pathlib.Path(args.demo), folder)
    else:
        with tempfile.TemporaryDirectory() as demo:
            sys.argv = [str(DEMO), "--directory", demo]
            runpy.run_path(str(DEMO), run_name="__main__")
            draw_training(pathlib.Path(demo), folder)
    print(f"Saved the images to {folder}")


def draw_networks(folder):
    """Draw the stages of EfficientNet-B0 and EfficientDet-D0."""
    plot_stages = keras_efficient.visualization.plot_stages
    b0 = keras_efficient.EfficientNetB0(weights=None)
    plot_stages(b0, path=folder / "stages_b0.png")
    d0 = keras_efficient.EfficientDetD0(weights=None, backbone_weights=None)
    plot_stages(d0, path=folder / "stages_d0.png")


def draw_training(demo, folder):
    """Draw a training batch, curves, metrics and predictions of the demo."""
    folder.mkdir(parents=True, exist_ok=True)
    visualization = keras_efficient.visualization
    load = keras_efficient.data.load_detection
    train = load(demo / "pictures", "train")
    validation = load(demo / "pictures", "val")
    images, labels = train.batches(IMAGE_SIZE, 8, training=True, seed=0)[0]
    visualization.plot_batch(
        images, labels, train.class_names, folder / "training_batch.jpg"
    )
    logs = keras_efficient.training.read_logs(demo / "run")
    visualization.plot_history(logs, folder / "curves.png")
    model = keras.saving.load_model(demo / "model.keras")
    result = keras_efficient.evaluation.evaluate_detection(model, validation)
    result.plot_precision_recall(folder / "precision_recall.png")
    result.plot_confusion_matrix(folder / "confusion_matrix.png")
    pictures = [record.image for record in validation.records[:8]]
    found = model.detect(pictures)
    visualization.plot_predictions(
        [detections.plot() for detections in found],
        folder / "predictions.jpg",
    )


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--demo", help="output folder of the demo")
    images = REPOSITORY / "docs" / "images"
    parser.add_argument("--to", default=images, help="output folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
