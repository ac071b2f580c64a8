"""Images whose pixels contain their index."""

import numpy as np
from PIL import Image

from keras_efficient import data

SIZE = (9, 13)


def numbered(count=10, classes=4):
    """Image i is all of the value 10 * i and has the label i % classes."""
    values = (np.arange(count) * 10).astype("uint8")
    images = np.broadcast_to(values[:, None, None, None], (count, *SIZE, 3))
    return data.classification_from_arrays(
        np.array(images), np.arange(count) % classes
    )


def numbers_of(images):
    return (images[:, 0, 0, 0] // 10).astype(int)


def plain(image, rng):
    """Add only the random numbers to an image."""
    return (image // 10 * 10 + rng.integers(5)).astype("uint8")


def pass_over(batches):
    """First pixels and labels of all images of one pass."""
    pairs = [batches[i] for i in range(len(batches))]
    images, labels = (np.concatenate(x) for x in zip(*pairs, strict=True))
    return images[:, 0, 0, 0], labels


def epoch_of(batches, epoch):
    batches.epoch = epoch
    return pass_over(batches)[0]


def write(path, value=0, size=(8, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


def write_photo(path, height, width, **options):
    """A smooth picture: red grows downwards, green to the right."""
    image = np.zeros((height, width, 3), "uint8")
    image[..., 0] = np.linspace(0, 250, height)[:, None]
    image[..., 1] = np.linspace(0, 250, width)[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return image
