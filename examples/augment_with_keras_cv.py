"""Train a detector on images augmented with the layers of KerasCV.

    pip install "keras-efficient[keras-cv]"
    python examples/augment_with_keras_cv.py cells

KerasCV is no longer developed, but provides layers for mosaics and random
resizing with boxes. They run in a `tf.data` pipeline on every backend. Their
output has the key `classes` instead of `labels`, which `fit` accepts. A figure
of the first batch is saved to `augmented.png`. `docs/keras_cv.md` lists the
layers whose boxes are correct.
"""

import argparse

import keras
import keras_cv
import numpy as np
import tensorflow as tf

import keras_efficient

BOXES = {"bounding_box_format": "xyxy"}


def main():
    """Load the data, augment it, draw a batch and train a detector."""
    args = parse_arguments()
    keras.utils.set_random_seed(args.seed)
    train = keras_efficient.data.load_detection(args.data, args.split)
    size = (args.image_size, args.image_size)
    # The data set only resizes the images; the layers augment them.
    batches = train.batches(
        size,
        args.batch_size,
        shuffle=True,
        drop_remainder=True,
        seed=args.seed,
    )
    dataset = augment(batches, layers(size), args.max_boxes)
    draw(next(iter(dataset)), train.class_names, args.picture)
    model = keras_efficient.EfficientDetD0(
        weights=None if args.weights == "none" else args.weights,
        backbone_weights=None,
        num_classes=train.num_classes,
        input_shape=(*size, 3),
    )
    steps = args.epochs * len(batches)
    model.compile(
        **keras_efficient.training.detection_recipe(steps, args.batch_size)
    )
    model.fit(dataset, epochs=args.epochs)


def layers(size):
    """Return layers that transform images together with their boxes."""
    return (
        keras_cv.layers.RandomFlip("horizontal", **BOXES),
        keras_cv.layers.Mosaic(**BOXES),
        keras_cv.layers.JitteredResize(size, scale_factor=(0.75, 1.3), **BOXES),
        keras_cv.layers.RandomColorJitter(
            value_range=(0, 255),
            brightness_factor=0.1,
            contrast_factor=0.2,
            saturation_factor=(0.4, 0.6),  # 0.5 keeps the saturation
            hue_factor=0.05,
        ),
    )


def augment(batches, layers, max_boxes):
    """Return a `tf.data.Dataset` of augmented batches."""

    def generate():
        for index in range(len(batches)):
            images, truth = batches[index]
            boxes, classes = truth["boxes"], truth["labels"].astype("float32")
            yield {
                "images": images,
                "bounding_boxes": {"boxes": boxes, "classes": classes},
            }
        batches.on_epoch_end()  # Shuffle before the next epoch.

    def change(batch):
        for layer in layers:
            batch = layer(batch, training=True)
        # The layers return ragged boxes; `fit` expects rows padded with -1.
        batch["bounding_boxes"] = keras_cv.bounding_box.to_dense(
            batch["bounding_boxes"], max_boxes=max_boxes
        )
        return batch

    signature = keras.tree.map_structure(
        lambda x: tf.TensorSpec(x.shape, x.dtype), next(generate())
    )
    dataset = tf.data.Dataset.from_generator(
        generate, output_signature=signature
    )
    length = tf.data.experimental.assert_cardinality(len(batches))
    return dataset.apply(length).map(change).prefetch(2)


def draw(batch, class_names, path):
    """Save a figure of a batch, as the model receives it."""
    batch = keras.tree.map_structure(np.asarray, batch)
    truth = batch["bounding_boxes"]
    keras_efficient.visualization.plot_batch(
        batch["images"],
        {"boxes": truth["boxes"], "labels": truth["classes"]},
        class_names=class_names,
        path=path,
    )
    print(f"Saved the figure to {path}")


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("data", help="folder with COCO, Pascal VOC or YOLO annotations")
    add("--split", default="train")
    add("--weights", default="coco", help="coco, a checkpoint file, or none")
    add("--image-size", type=int, default=512)
    add("--batch-size", type=int, default=8)
    add("--max-boxes", type=int, default=100)
    add("--epochs", type=int, default=1)
    add("--picture", default="augmented.png")
    add("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()

# On blood cells (BCCD, 205 images, --weights none --image-size 128), on PyTorch
# with two CPU cores that also ran other programs:
#   25/25 ... 83s 3s/step - box_loss: 0.0260 - class_loss: 1.1213 - loss: 2.4227
# Each image of the figure is a mosaic of four photos with their boxes.
