"""Fine-tune an EfficientDet on your own images with boxes.

    python examples/finetune_detection.py cells --image-size 320

The folder contains COCO JSON files, Pascal VOC or YOLO annotations with the
splits `train` and `val` or `test`; with `--test none`, a fifth is used for
validation. Repeat the command to resume after an interruption.
"""

import argparse
import pathlib

import keras

import keras_efficient


def main():
    """Load the data, build the model, train it and print its metrics."""
    args = parse_arguments()
    keras.utils.set_random_seed(args.seed)
    if args.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    train, held_out = load_data(args.data, args.train, args.test)
    print(train.report)
    print(held_out.report)
    model = build_model(args, train.class_names)
    augmentation = keras_efficient.data.DetectionAugmentation(
        model.image_size,
        scale=(args.min_scale, args.max_scale),
        vertical_flip_rate=0.5 if args.vertical_flip else 0.0,
    )
    keras_efficient.training.finetune_detection(
        model,
        train.batches(
            model.image_size,
            args.batch_size,
            training=True,
            augmentation=augmentation,
            drop_remainder=len(train) >= args.batch_size,
            seed=args.seed,
        ),
        held_out,
        directory=args.directory,
        epochs=args.epochs,
        learning_rate=args.learning_rate,
        evaluate_every=args.evaluate_every,
    )
    folder = pathlib.Path(args.directory)
    model.save(folder / "model.keras")
    result = keras_efficient.evaluation.evaluate_detection(model, held_out)
    print(result)
    result.plot_precision_recall(folder / "precision_recall.png")
    first = model.detect(held_out.records[0].image)[0]
    first.plot(folder / "detections.png")
    print(f"Model, curves and an image are in {folder}")


def load_data(source, train, test):
    """Return the training and the validation set."""
    load = keras_efficient.data.load_detection
    if test == "none":
        return load(source).split(0.2)
    first = load(source, train)
    return first, load(source, test, class_names=first.class_names)


def build_model(args, class_names):
    """Return a detector for the classes, with pretrained weights."""
    builder = getattr(keras_efficient, args.model)
    # One number for a square, or height and width.
    shape = args.image_size and (args.image_size[0], args.image_size[-1], 3)
    is_backbone = args.weights in ("none", "imagenet") or args.backbone
    model = builder(
        weights=None if is_backbone else args.weights,
        backbone_weights="imagenet" if args.weights == "imagenet" else None,
        num_classes=len(class_names),
        input_shape=shape,
        anchor_scale=args.anchor_scale,
    )
    model.class_names = class_names
    if args.backbone:
        # The report lists the layers that the file does not contain.
        load = keras_efficient.converters.load_checkpoint
        print(load(model.backbone, args.backbone, strict=False))
    return model


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", help="folder or COCO JSON file")
    parser.add_argument("--train", default="train", help="training split")
    parser.add_argument(
        "--test", default="val", help="validation split, or none"
    )
    parser.add_argument("--model", default="EfficientDetD0")
    parser.add_argument(
        "--weights",
        default="coco",
        help="coco, imagenet, a checkpoint file, or none",
    )
    parser.add_argument("--backbone", help="checkpoint file of the backbone")
    parser.add_argument("--image-size", type=int, nargs="+")
    parser.add_argument(
        "--anchor-scale", type=float, help="scale of the anchors (default 4)"
    )
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--min-scale", type=float, default=0.8)
    parser.add_argument("--max-scale", type=float, default=1.25)
    parser.add_argument("--vertical-flip", action="store_true")
    parser.add_argument("--evaluate-every", type=int, default=5)
    parser.add_argument("--directory", default="detector_run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mixed-precision", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
