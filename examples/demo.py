"""Train, evaluate, export and serve a detector, without data or network.

    make demo

Draws a small data set of images with shapes, trains an EfficientDet on it
from random weights, computes its COCO metrics on validation images, draws its
detections, exports it as a SavedModel, and runs the SavedModel on the bytes of
one JPEG file, as TensorFlow Serving does.
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
from PIL import Image
from PIL import ImageDraw

import keras_efficient

CLASSES = ("circle", "cross", "square", "triangle")
CORNERS = {"square": 4, "triangle": 3, "cross": 4}
IMAGE_SIZE = (128, 128)


def main():
    """Run all steps and print their results."""
    args = parse_arguments()
    start = time.perf_counter()
    folder = pathlib.Path(args.directory)
    keras.utils.set_random_seed(args.seed)
    print(f"Keras on {keras.backend.backend()}")

    print(f"\n1. Drawing images into {folder / 'pictures'}")
    for seed, (split, count) in enumerate(
        [("train", args.images), ("val", max(1, args.images // 5))]
    ):
        draw_dataset(folder / "pictures", split, count, seed)
    load = keras_efficient.data.load_detection
    train = load(folder / "pictures", "train")
    validation = load(folder / "pictures", "val")
    print(train.report)

    print("\n2. Training a small EfficientDet from random weights")
    model = build_model(train.class_names)
    keras_efficient.training.finetune_detection(
        model,
        train.batches(IMAGE_SIZE, batch_size=8, training=True, seed=args.seed),
        validation,
        directory=folder / "run",
        epochs=args.epochs,
        learning_rate=3e-3,
        train_batch_norm="all",
        evaluate_every=10,
    )
    model.save(folder / "model.keras")

    print("\n3. Evaluating it on the validation images")
    result = keras_efficient.evaluation.evaluate_detection(model, validation)
    print(result)

    print(f"\n4. Drawing detections into {folder / 'detections.png'}")
    draw_detections(model, validation, folder / "detections.png")

    path = folder / "served" / "shapes" / "1"
    print(f"\n5. Exporting a SavedModel to {path}")
    keras_efficient.export.saved_model(model, path, overwrite=True)

    photo = fullest(validation)[0].image
    print(f"\n6. Running the SavedModel on the bytes of {photo}")
    serve(path, photo)
    print(f"\nDone in {time.perf_counter() - start:.0f} s.")


def build_model(class_names):
    """Return a small detector for small images, with random weights."""
    backbone = keras_efficient.EfficientNet(
        include_top=False,
        width_coefficient=0.5,
        depth_coefficient=0.5,
        input_shape=(*IMAGE_SIZE, 3),
        # Suits the few hundred training steps of this demo.
        batch_norm_momentum=0.9,
    )
    model = keras_efficient.EfficientDet(
        backbone,
        num_classes=len(class_names),
        fpn_filters=48,
        fpn_repeats=2,
        head_repeats=2,
        max_level=6,
        anchor_scale=3.0,
        batch_norm_momentum=0.9,
    )
    model.class_names = class_names
    return model


def draw_dataset(folder, split, count, seed):
    """Write images, and a COCO annotation file with their boxes."""
    rng = np.random.default_rng(seed)
    (folder / split).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in range(count):
        picture, objects = draw_picture(rng)
        name = f"{i:03d}.jpg"
        picture.save(folder / split / name, quality=90)
        width, height = picture.size
        size = {"width": width, "height": height}
        images.append({"id": i + 1, "file_name": name, **size})
        for label, (left, top, right, bottom) in objects:
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": label + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i + 1, "name": n} for i, n in enumerate(CLASSES)]
    file = {
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    path = folder / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(file))


def draw_picture(rng):
    """Return an image of one to four separate shapes, and their boxes."""
    width, height = (int(x) for x in rng.integers(120, 170, 2))
    ground = rng.integers(0, 110, 3) + rng.normal(0, 12, (height, width, 3))
    picture = Image.fromarray(np.clip(ground, 0, 255).astype("uint8"))
    objects = []
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(0.09, 0.22) * min(width, height)
        x = rng.uniform(radius, width - radius)
        y = rng.uniform(radius, height - radius)
        around = (x - radius, y - radius, x + radius, y + radius)
        if any(touch(around, box) for _, box in objects):
            continue
        label = int(rng.integers(len(CLASSES)))
        objects.append((label, draw_shape(picture, rng, label, x, y, radius)))
    return picture, objects


def touch(first, second):
    """Return whether two boxes intersect."""
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def draw_shape(picture, rng, label, x, y, radius):
    """Draw a shape with random rotation, and return its box."""
    draw = ImageDraw.Draw(picture)
    color = tuple(int(c) for c in rng.integers(140, 256, 3))
    name = CLASSES[label]
    if name == "circle":
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, color)
        return tuple(float(edge) for edge in box)
    count = CORNERS[name]
    angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / count
    points = np.stack(
        [x + radius * np.cos(angles), y + radius * np.sin(angles)]
    )
    corners = [tuple(point) for point in points.T]
    line = 0
    if name == "cross":
        line = max(3, int(radius * 0.4))
        draw.line((corners[0], corners[2]), color, line)
        draw.line((corners[1], corners[3]), color, line)
    else:
        draw.polygon(corners, color)
    low, high = points.min(1) - line / 2.8, points.max(1) + line / 2.8
    limits = np.array(picture.size, "float64")
    low, high = np.clip(low, 0, limits), np.clip(high, 0, limits)
    return tuple(float(edge) for edge in (*low, *high))


def draw_detections(model, dataset, path, columns=4, rows=2):
    """Draw the detections in the images with the most objects."""
    records = fullest(dataset)[: columns * rows]
    found = model.detect([record.image for record in records])
    cell = 300
    sheet = Image.new("RGB", (columns * cell, rows * cell), "white")
    for place, detections in enumerate(found):
        picture = detections.plot()
        scale = (cell - 8) / max(picture.size)
        size = [round(scale * side) for side in picture.size]
        corner = (place % columns * cell + 4, place // columns * cell + 4)
        sheet.paste(picture.resize(size), corner)
    sheet.save(path)


def fullest(dataset):
    """Return the records of a data set, those with most objects first."""
    return sorted(dataset.records, key=lambda record: -len(record.boxes))


def serve(path, photo):
    """Print the answer of a SavedModel to the bytes of an image file."""
    import tensorflow as tf

    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    image_bytes = tf.constant([pathlib.Path(photo).read_bytes()])
    outputs = served(image_bytes=image_bytes)
    for i in range(int(outputs["num_detections"][0])):
        name = outputs["class_names"][0, i].numpy().decode()
        score = float(outputs["scores"][0, i])
        box = [round(float(edge)) for edge in outputs["boxes"][0, i]]
        print(f"{name} {score:.0%} at {box}")
    if not int(outputs["num_detections"][0]):
        print("No objects found.")


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="demo")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
