"""Measure the accuracy of a classifier in float32 and in bfloat16.

    python benchmarks/half_precision.py finetuned/model.keras flowers/val

The folder contains one folder of images for each class, in the order of the
outputs of the model. Both dtypes run the fused network that `classify` uses.
"""

import argparse
import pathlib

import keras
import numpy as np

import keras_efficient

SUFFIXES = (".jpg", ".jpeg", ".png")


def main():
    """Print a row for each dtype."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("folder")
    args = parser.parse_args()
    model = keras.models.load_model(args.model)
    folders = sorted(x for x in pathlib.Path(args.folder).iterdir())
    files, labels = [], []
    for label, folder in enumerate(x for x in folders if x.is_dir()):
        found = [x for x in folder.iterdir() if x.suffix.lower() in SUFFIXES]
        files += sorted(found)
        labels += [label] * len(found)
    predictions = {}
    for dtype in (None, "bfloat16"):
        found = keras_efficient.inference.classify(
            model, files, top=1, dtype=dtype
        )
        predictions[dtype] = np.array([x.labels[0] for x in found])
        share = np.mean(predictions[dtype] == labels)
        print(f"{dtype or 'float32'}: {share:.1%} of {len(files)} images")
    same = np.mean(predictions[None] == predictions["bfloat16"])
    print(f"same prediction: {same:.1%}")


if __name__ == "__main__":
    main()
