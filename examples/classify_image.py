"""Classify a photo with weights pretrained on ImageNet.

    python examples/classify_image.py photo.jpg

The first run downloads the published weights of EfficientNet-B0 (21 MB) and the
names of the 1,000 classes of ImageNet (35 KB).
"""

import argparse

import numpy as np

import keras_efficient


def main():
    """Load a model and print the five most probable classes of a photo."""
    args = parse_arguments()
    builder = getattr(keras_efficient, args.model)
    model = builder(weights=args.weights)
    # Photos of any size are resized in the same way as for the evaluation.
    (result,) = model.classify(args.photo, top=5)
    names = imagenet_names(result.labels)
    for name, probability in zip(names, result.probabilities, strict=True):
        print(f"{probability:6.1%}  {name}")


def imagenet_names(labels):
    """Return the names of ImageNet classes."""
    one_hot = np.eye(1000, dtype="float32")[labels]
    decoded = keras_efficient.decode_predictions(one_hot, top=1)
    return [name for ((_, name, _),) in decoded]


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("photo", help="image file")
    parser.add_argument("--model", default="EfficientNetB0")
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="published weights, such as noisy-student, or a checkpoint file",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

# Not run with the published weights, for lack of network access. With random
# weights in a file of the same format (tests/examples/test_pretrained.py), it
# prints five lines, each with a probability and the name of a class:
#    0.1%  class_...
