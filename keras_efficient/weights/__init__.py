"""Published weight files: a list of them, and their download."""

from keras_efficient.weights.download import DownloadError
from keras_efficient.weights.download import HashMismatchError
from keras_efficient.weights.download import cache_dir
from keras_efficient.weights.download import fetch
from keras_efficient.weights.manifest import InputFormat
from keras_efficient.weights.manifest import License
from keras_efficient.weights.manifest import WeightsEntry
from keras_efficient.weights.manifest import by_file_name
from keras_efficient.weights.manifest import entries
from keras_efficient.weights.manifest import find
from keras_efficient.weights.manifest import tags

__all__ = [
    "DownloadError",
    "HashMismatchError",
    "InputFormat",
    "License",
    "WeightsEntry",
    "by_file_name",
    "cache_dir",
    "entries",
    "fetch",
    "find",
    "tags",
]
