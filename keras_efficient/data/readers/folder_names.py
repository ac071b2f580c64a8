"""What the names of folders say: a split, or only what they contain."""

import itertools
import pathlib
import re
from collections.abc import Iterable

from keras_efficient.data.readers.files import normalize_name

# Words of folders that contain annotations or images of any split.
ANNOTATION_WORDS = frozenset(
    "annotations annotation annots annot anns ann anno xmls xml labels label "
    "bndbox outputs voc pascal pascalvoc json jsons".split()
)
IMAGE_WORDS = frozenset(
    "jpegimages images image imgs img pictures photos jpegs jpgs".split()
)
# Words of folders with pictures of annotations, which are not images.
MASK_WORDS = (
    "segmentation",
    "mask",
    "visualization",
    "visualisation",
    "colormap",
)
SEPARATOR = re.compile(r"[\s_-]+")
SPLIT = re.compile(
    r"(train(ing|val)?|val(id|idation)?|test(ing)?|dev|eval)(\d+|[\s_-].*)?"
)


def plain_name(name: str) -> str:
    """Return a name in the form in which names are compared.

    >>> from keras_efficient.data.readers.folder_names import plain_name
    >>> plain_name("IMG_1")
    'img_1'
    """
    return normalize_name(name).casefold()


def telling_parts(path: pathlib.PurePath) -> tuple[str, ...]:
    """Return the names of folders that say more than what they contain.

    Folders of annotations and of their images have the same telling parts.

    >>> import pathlib
    >>> from keras_efficient.data.readers.folder_names import telling_parts
    >>> telling_parts(pathlib.PurePath("train/Annotations"))
    ('train',)
    >>> telling_parts(pathlib.PurePath("JPEGImages/train_images"))
    ('train',)
    """
    return tuple(filter(None, map(_telling, path.parts)))


def _telling(name: str) -> str:
    words = SEPARATOR.split(name)
    kept = [x for x in words if not is_generic(x)]
    return name if len(kept) == len(words) else "_".join(kept)


def is_generic(word: str) -> bool:
    """Return whether a word only says that a folder has data."""
    return word.lower() in ANNOTATION_WORDS | IMAGE_WORDS


def is_of_masks(name: str) -> bool:
    """Return whether a folder has masks: `"SegmentationClass"`, `"masks"`."""
    return any(word in name.lower() for word in MASK_WORDS)


def is_split_name(name: str) -> bool:
    """Return whether a name is that of a split, such as `"Train2017"`."""
    return SPLIT.fullmatch(name.lower()) is not None


def split_of(parts: Iterable[str]) -> str | None:
    """Return the name of the split that folders stand for.

    It consists of the names up to the first one that is usual for a split; if
    there is none, it is the first name.

    >>> from keras_efficient.data.readers.folder_names import split_of
    >>> split_of(["cups", "train", "set1"]), split_of(["set1", "left"])
    ('cups/train', 'set1')
    """
    names = list(parts)
    for i, name in enumerate(names):
        if is_split_name(name):
            return "/".join(names[: i + 1])
    return names[0] if names else None


def num_shared(all_parts: Iterable[tuple[str, ...]]) -> int:
    """Return how many first names all folders share, without split names."""
    rows = list(all_parts)
    count = 0
    for names in zip(*rows, strict=False):
        if len(set(names)) > 1 or is_split_name(names[0]):
            break
        count += 1
    return count


def num_equal_at_end(first: Iterable[str], second: Iterable[str]) -> int:
    """Return how many last names two paths share.

    >>> from keras_efficient.data.readers.folder_names import num_equal_at_end
    >>> num_equal_at_end(["a", "b", "c"], ["x", "b", "c"])
    2
    """
    pairs = zip(reversed([*first]), reversed([*second]), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda x: x[0] == x[1], pairs))
