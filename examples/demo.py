"""The whole way, in minutes and without a network: draw, train, export, serve.

    make demo

Draws a small set of pictures, fine-tunes an EfficientNet on them, shows what
it sees in pictures that it has not seen, exports a SavedModel and asks it
about the bytes of one JPEG.
"""

import argparse
import io
import pathlib
import time

import keras
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageOps

import keras_efficient

CLASSES = ("circle", "cross", "square", "triangle")
IMAGE_SIZE = 64
# The whole picture: shapes may stand at its border.
PREPROCESSING = keras_efficient.data.ImagePreprocessing(
    (IMAGE_SIZE, IMAGE_SIZE), crop_fraction=1
)


def main():
    """Runs the steps one after the other, and says what each gave."""
    args = parse_arguments()
    start = time.perf_counter()
    folder = pathlib.Path(args.directory)
    keras.utils.set_random_seed(args.seed)
    print(f"Keras on {keras.backend.backend()}")

    print(f"\n1. Drawing pictures into {folder / 'pictures'}")
    train, validation = (
        draw_dataset(folder / "pictures" / split, count, seed)
        for seed, (split, count) in enumerate(
            [("train", args.images), ("val", args.images // 4)]
        )
    )

    print("\n2. Training an EfficientNet, half as wide as B0")
    model = train_model(train, validation, folder / "run", args.epochs)

    print(f"\n3. What it sees: {folder / 'predictions.png'}")
    draw_predictions(model, validation, folder / "predictions.png")

    print(f"\n4. Exporting a SavedModel: {folder / 'served' / '1'}")
    served = keras_efficient.export.saved_model(
        model,
        folder / "served" / "1",
        class_names=train.class_names,
        preprocessing=PREPROCESSING,
        overwrite=True,
    )

    print("\n5. Asking it about the bytes of one JPEG")
    ask(served, draw_picture("triangle", np.random.default_rng(99)))
    print(f"\nDone in {time.perf_counter() - start:.0f} s.")


def train_model(train, validation, directory, epochs):
    """A small network, trained from nothing on small pictures."""
    model = keras_efficient.EfficientNet(
        width_coefficient=0.5,
        resolution=IMAGE_SIZE,
        classes=len(CLASSES),
        stages=keras_efficient.variants.EFFICIENTNET_STAGES[:4],
        top_filters=512,
        # Statistics that settle within the few hundred steps of this demo.
        batch_norm_momentum=0.9,
    )
    augmentation = keras_efficient.data.Augmentation(
        (IMAGE_SIZE, IMAGE_SIZE), area=(0.7, 1.0)
    )
    result = keras_efficient.training.finetune_classifier(
        model,
        train.batches(IMAGE_SIZE, 16, training=True, augmentation=augmentation),
        validation.batches(IMAGE_SIZE, 16, preprocessing=PREPROCESSING),
        directory=directory,
        head_epochs=0,
        epochs=epochs,
        learning_rate=3e-3,
        train_batch_norm=True,
    )
    accuracy = result.all["val_accuracy"][-1]
    print(f"{accuracy:.1%} of the unseen pictures are named right")
    return model


def draw_dataset(folder, count, seed):
    """`count` pictures of each class, as JPEG files in class folders."""
    rng = np.random.default_rng(seed)
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture = draw_picture(name, rng)
            picture.save(folder / name / f"{i:03d}.jpg", quality=90)
    dataset = keras_efficient.data.load_classification(folder)
    print(dataset.report)
    return dataset


def draw_picture(name, rng):
    """One shape of random place, size and colours on a noisy ground."""
    width, height = rng.integers(72, 110, 2)
    ground = rng.integers(0, 110, 3) + rng.normal(0, 12, (height, width, 3))
    picture = Image.fromarray(np.clip(ground, 0, 255).astype("uint8"))
    draw = ImageDraw.Draw(picture)
    color = tuple(int(x) for x in rng.integers(140, 256, 3))
    radius = rng.uniform(0.2, 0.32) * min(width, height)
    x = rng.uniform(1.3 * radius, width - 1.3 * radius)
    y = rng.uniform(1.3 * radius, height - 1.3 * radius)
    turn = rng.uniform(0, 2 * np.pi)
    if name == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), color)
        return picture
    corners = {"square": 4, "triangle": 3, "cross": 4}[name]
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    points = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]
    if name == "cross":
        line = max(3, int(radius * 0.4))
        draw.line((points[0], points[2]), color, line)
        draw.line((points[1], points[3]), color, line)
    else:
        draw.polygon(points, color)
    return picture


def draw_predictions(model, dataset, path, columns=6, rows=3):
    """A grid of pictures, each with the class and how sure the model is."""
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(dataset))[: columns * rows]
    load = keras_efficient.data.load_image
    images = [load(dataset.records[i].image) for i in chosen]
    inputs = np.stack([PREPROCESSING(image) for image in images]).astype(
        "float32"
    )
    probabilities = model.predict(inputs, verbose=0)
    cell = 132
    sheet = Image.new("RGB", (columns * cell, rows * (cell + 20)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (i, image, scores) in enumerate(
        zip(chosen, images, probabilities, strict=True)
    ):
        left, top = place % columns * cell, place // columns * (cell + 20)
        picture = ImageOps.fit(Image.fromarray(image), (cell - 6, cell - 6))
        sheet.paste(picture, (left + 3, top + 3))
        best = int(scores.argmax())
        is_right = best == dataset.records[i].label
        draw.text(
            (left + 4, top + cell),
            f"{dataset.class_names[best]} {scores[best]:.0%}",
            fill="darkgreen" if is_right else "red",
            font_size=14,
        )
    sheet.save(path)


def ask(served, picture):
    """Puts a JPEG through the SavedModel, as a server would."""
    import tensorflow as tf

    file = io.BytesIO()
    picture.save(file, "jpeg")
    signature = tf.saved_model.load(str(served)).signatures["serving_default"]
    answer = signature(image_bytes=tf.constant([file.getvalue()]))
    name = answer["class_name"][0].numpy().decode()
    probability = float(answer["probabilities"][0].numpy().max())
    size = len(file.getvalue())
    print(f"{size} bytes of a triangle: {name}, {probability:.1%} sure")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="demo")
    parser.add_argument("--images", type=int, default=80, help="of a class")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
