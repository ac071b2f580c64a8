"""Says what a photo shows, with the weights that were trained on ImageNet.

    python examples/classify_image.py photo.jpg

Downloads EfficientNet-B0's published weights once (21 MB), and the names of
ImageNet's 1,000 classes (35 KB).
"""

import argparse

import numpy as np

import keras_efficient


def main():
    """Loads a network, asks it, prints the five best answers."""
    args = parse_arguments()
    builder = getattr(keras_efficient, args.model)
    model = builder(weights=args.weights)
    # Any size and any format; resized as the network was evaluated.
    (answer,) = keras_efficient.inference.classify(model, args.photo, top=5)
    for name, share in zip(
        imagenet_names(answer.labels), answer.probabilities, strict=True
    ):
        print(f"{share:6.1%}  {name}")


def imagenet_names(labels):
    """The names of some of ImageNet's classes."""
    one_hot = np.eye(1000, dtype="float32")[labels]
    decoded = keras_efficient.decode_predictions(one_hot, top=1)
    return [name for ((_, name, _),) in decoded]


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("photo")
    parser.add_argument("--model", default="EfficientNetB0")
    parser.add_argument(
        "--weights", default="imagenet", help="noisy-student, ..., or a file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

# Published weights could not be downloaded where this was written. With random
# ones in the published file's form (tests/examples/test_pretrained.py) five
# lines come, each a share and a name:
#    0.1%  class_...
