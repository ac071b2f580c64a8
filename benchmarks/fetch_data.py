"""Download the data sets and weights that docs/results.md was measured with.

    python benchmarks/fetch_data.py flowers bccd --directory data

Names, and what each writes below the directory:

- `flowers`: TensorFlow's flower_photos, 80 training and 30 validation photos
  for each of 5 classes, shorter side 192 pixels, as `flowers/{train,val}`.
- `bccd`: the BCCD blood cells, 364 images with boxes in the Pascal VOC layout,
  as `bccd`.
- `cifar100`: 30 training and 10 test images for each class of CIFAR-100, as
  `cifar100_subset.npz`.
- `photos`: 24 photos of COCO val2017, as `photos`.
- `backbone`: the ImageNet weights of EfficientNet-B0 in the format of
  lukemelas/EfficientNet-PyTorch, without the three tensors that were not
  available when the results were measured, as
  `efficientnet_b0_partial.npz`.

`data_subsets.json` lists the chosen photos by name and the chosen images of
CIFAR-100 by the hash of their pixels. The photos of flowers are resized and
compressed again here, so that single pixels can differ from those measured.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable

import keras
import numpy as np
from PIL import Image

from keras_efficient import converters
from keras_efficient import weights
from keras_efficient.atomic_writes import atomic_file
from keras_efficient.atomic_writes import atomic_folder

FLOWERS_URL = (
    "https://storage.googleapis.com/download.tensorflow.org/example_images/"
    "flower_photos.tgz"
)
BCCD_URL = (
    "https://github.com/Shenggan/BCCD_Dataset/archive/refs/heads/master.zip"
)
COCO_URL = "http://images.cocodataset.org/val2017/{}.jpg"
BACKBONE_URL = (
    "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"
    "efficientnet-b0-355c32eb.pth"
)
FLOWER_SIDE = 192
JPEG_QUALITY = 85
# Hexadecimal digits of a SHA-256 that identify an image of CIFAR-100.
HASH_DIGITS = 10
MISSING_TENSORS = (
    "_blocks.15._project_conv.weight",
    "_conv_head.weight",
    "_fc.weight",
)
SUBSETS = json.loads(
    pathlib.Path(__file__).with_name("data_subsets.json").read_text()
)


def fetch_flowers(
    directory: pathlib.Path,
    url: str = FLOWERS_URL,
    cache: pathlib.Path | None = None,
) -> None:
    """Write the flower photos as folders of splits and classes."""
    source = _extract(url, "flower_photos.tgz", cache) / "flower_photos"
    with atomic_folder(directory / "flowers", overwrite=True) as folder:
        for split, classes in SUBSETS["flowers"].items():
            for name, photos in classes.items():
                (folder / split / name).mkdir(parents=True)
                for photo in photos:
                    with Image.open(source / name / f"{photo}.jpg") as image:
                        _shrink(image.convert("RGB")).save(
                            folder / split / name / f"{photo}.jpg",
                            quality=JPEG_QUALITY,
                        )


def fetch_bccd(
    directory: pathlib.Path,
    url: str = BCCD_URL,
    cache: pathlib.Path | None = None,
) -> None:
    """Write the blood cells in the Pascal VOC layout."""
    source = _extract(url, "bccd.zip", cache) / "BCCD_Dataset-master/BCCD"
    with atomic_folder(directory / "bccd", overwrite=True) as folder:
        for name in ("Annotations", "ImageSets", "JPEGImages"):
            shutil.copytree(source / name, folder / name)


def fetch_cifar100(directory: pathlib.Path) -> None:
    """Write the subset of CIFAR-100 in the order that was measured."""
    splits = zip(
        ("train", "test"), keras.datasets.cifar100.load_data(), strict=True
    )
    arrays = {}
    for split, (images, labels) in splits:
        hashes = "".join(SUBSETS["cifar100"][split])
        chosen = _positions(images, hashes)
        arrays[f"x_{split}"] = images[chosen]
        arrays[f"y_{split}"] = labels.reshape(-1)[chosen].astype("int64")
    with atomic_file(directory / "cifar100_subset.npz") as path:
        np.savez_compressed(path, **arrays)


def fetch_photos(directory: pathlib.Path, url: str = COCO_URL) -> None:
    """Write photos of COCO val2017."""
    with atomic_folder(directory / "photos", overwrite=True) as folder:
        for name in SUBSETS["coco_val_mini"]:
            shutil.copy(weights.fetch(url.format(name)), folder)


def fetch_backbone(directory: pathlib.Path, url: str = BACKBONE_URL) -> None:
    """Write the weights of EfficientNet-B0 up to block 6d."""
    arrays = dict(converters.read_checkpoint(weights.fetch(url)))
    for name in MISSING_TENSORS:
        del arrays[name]
    with atomic_file(directory / "efficientnet_b0_partial.npz") as path:
        np.savez(path, **arrays)


FETCHERS: dict[str, Callable[[pathlib.Path], None]] = {
    "flowers": fetch_flowers,
    "bccd": fetch_bccd,
    "cifar100": fetch_cifar100,
    "photos": fetch_photos,
    "backbone": fetch_backbone,
}


def _extract(
    url: str, file_name: str, cache: pathlib.Path | None
) -> pathlib.Path:
    """Download and extract an archive, by default into Keras' cache."""
    return pathlib.Path(
        keras.utils.get_file(
            fname=file_name, origin=url, extract=True, cache_dir=cache
        )
    )


def _shrink(image: Image.Image) -> Image.Image:
    factor = FLOWER_SIDE / min(image.size)
    size = (round(factor * image.width), round(factor * image.height))
    return image.resize(size, Image.Resampling.BICUBIC)


def _positions(images: np.ndarray, hashes: str) -> list[int]:
    """Return the positions of the images with the listed hashes, in order."""
    position_of = {
        hashlib.sha256(image.tobytes()).hexdigest()[:HASH_DIGITS]: position
        for position, image in enumerate(np.ascontiguousarray(images))
    }
    return [
        position_of[hashes[start : start + HASH_DIGITS]]
        for start in range(0, len(hashes), HASH_DIGITS)
    ]


def main() -> None:
    """Fetch the data sets that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=FETCHERS)
    parser.add_argument("--directory", type=pathlib.Path, default="data")
    args = parser.parse_args()
    for name in args.names:
        FETCHERS[name](args.directory)
        print(f"{name} is in {args.directory}")


if __name__ == "__main__":
    main()
