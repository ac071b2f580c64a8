"""The list of published weight files, from `weights_manifest.json`.

The file stands at the root of the repository and travels inside the wheel,
beside this module. Nothing in it is a guess: a hash or a figure that was not
published is absent.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 1
FORMATS = (
    "keras_applications_h5",
    "timm_tf",
    "lukemelas",
    "tensorflow_checkpoint",
    "automl_h5",
    "effdet_tf",
)
HASH_KINDS = {"md5": 32, "sha256": 64, "sha256_prefix": 8}
_FILE_NAME = "weights_manifest.json"
_PATHS = (
    pathlib.Path(__file__).with_name(_FILE_NAME),
    pathlib.Path(__file__).parents[2] / _FILE_NAME,
)


@dataclasses.dataclass(frozen=True)
class InputFormat:
    """What a network was trained to see.

    Attributes:
        size: Height and width of its images, in pixels.
        value_range: Lowest and highest value of a pixel as it goes into the
            model, ahead of `mean` and `std`.
        mean: Mean of each channel, red, green, blue, in units of `[0, 1]`.
        std: Standard deviation of each channel, in units of `[0, 1]`.
    """

    size: tuple[int, int]
    value_range: tuple[float, float]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class License:
    """Under what terms a file is given.

    Attributes:
        spdx: Identifier of SPDX, such as `"Apache-2.0"`.
        url: Where its text stands.
    """

    spdx: str
    url: str


@dataclasses.dataclass(frozen=True)
class WeightsEntry:
    """One published weight file.

    Attributes:
        name: Name of the entry, such as `"efficientnetb0.imagenet.timm"`.
        model: Name of the builder it fits, such as `"EfficientNetB0"`.
        tag: What a user asks for by `weights=`, such as `"imagenet"`.
        include_top: Whether the file holds the classifier.
        format: How it is written, one of `FORMATS`.
        file_name: Its name in the cache, like no other of the manifest.
        urls: Where it is to be had, in the order to try.
        num_params: Number of trainable parameters.
        num_classes: Number of classes; 0 without the classifier.
        class_names: Name of the list of classes, or `None`.
        input: What the network was trained to see.
        license: Under what terms it is given.
        source: Who made it: `url` and `note`.
        training: What it was trained on: `dataset` and `recipe`.
        hash: Kind and value of its checksum, such as `{"md5": "902e..."}`;
            empty where none was published.
        metrics: Published accuracy with its source; empty where none was.
    """

    name: str
    model: str
    tag: str
    include_top: bool
    format: str
    file_name: str
    urls: tuple[str, ...]
    num_params: int
    num_classes: int
    class_names: str | None
    input: InputFormat
    license: License
    source: Mapping[str, str]
    training: Mapping[str, str]
    hash: Mapping[str, str] = dataclasses.field(default_factory=dict)
    metrics: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def entries() -> tuple[WeightsEntry, ...]:
    """All published weight files, in the order in which they are tried.

    Returns:
        A tuple of `WeightsEntry`.

    Raises:
        FileNotFoundError: If the manifest is not where it should be.
        ValueError: If it does not follow its schema.

    Example:
    >>> from keras_efficient import weights
    >>> weights.entries()[0].name
    'efficientnetb0.imagenet'
    """
    return _read(next((path for path in _PATHS if path.exists()), _PATHS[0]))


def find(
    model: str, tag: str, include_top: bool = True
) -> tuple[WeightsEntry, ...]:
    """The files that fill a model, in the order in which to try them.

    Args:
        model: Name of a builder, such as `"EfficientNetB0"`.
        tag: Set of weights, such as `"imagenet"`; see `tags`.
        include_top: Whether the model has a classifier. One without takes
            files with a classifier too, after those without.

    Returns:
        A tuple of `WeightsEntry`, empty if there are none.

    Example:
    >>> from keras_efficient import weights
    >>> [entry.format for entry in weights.find("EfficientNetB0", "advprop")]
    ['timm_tf', 'lukemelas', 'tensorflow_checkpoint']
    """
    found = [e for e in entries() if e.model == model and e.tag == tag]
    if include_top:
        return tuple(e for e in found if e.include_top)
    return tuple(sorted(found, key=lambda entry: entry.include_top))


def tags(model: str) -> tuple[str, ...]:
    """The sets of weights that were published for a model.

    Args:
        model: Name of a builder, such as `"EfficientNetB0"`.

    Returns:
        A tuple of strings for the argument `weights` of the builder.

    Example:
    >>> from keras_efficient import weights
    >>> weights.tags("EfficientNetB6")
    ('imagenet', 'noisy-student', 'advprop')
    """
    found = (entry.tag for entry in entries() if entry.model == model)
    return tuple(dict.fromkeys(found))


def by_file_name(file_name: str) -> WeightsEntry | None:
    """The entry of a file, by the name under which it was published.

    Args:
        file_name: Name of the file, without its folder.

    Returns:
        The `WeightsEntry`, or `None` if no entry or more than one file is
        called so: three different files of Google are all called
        `efficientnet-b0.tar.gz`.

    Example:
    >>> from keras_efficient import weights
    >>> entry = weights.by_file_name("tf_efficientnet_b0_ap-f262efe1.pth")
    >>> entry.name, entry.input.mean
    ('efficientnetb0.advprop.timm', (0.5, 0.5, 0.5))
    """
    for entry in entries():
        if entry.file_name == file_name:
            return entry
    return None


@functools.lru_cache(maxsize=8)
def _read(path: pathlib.Path) -> tuple[WeightsEntry, ...]:
    if not path.exists():
        raise FileNotFoundError(
            f"The list of weight files is missing: {path}. Install "
            "`keras-efficient` again, or work in a whole checkout."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no valid JSON: {error}") from error
    return parse(manifest)


def parse(manifest: Any) -> tuple[WeightsEntry, ...]:
    """Turns the content of a manifest into entries, and checks its schema.

    Args:
        manifest: Content of a `weights_manifest.json`.

    Returns:
        A tuple of `WeightsEntry`.

    Raises:
        ValueError: If a field is missing, unknown or out of range, or a name
            is used twice.

    Example:
    >>> from keras_efficient.weights import manifest
    >>> manifest.parse({"schema_version": 1, "weights": []})
    ()
    """
    version = (
        manifest.get("schema_version") if isinstance(manifest, dict) else 0
    )
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"The manifest must be of schema version {SCHEMA_VERSION}. "
            f"Received: schema_version={version!r}"
        )
    parsed = tuple(_entry(fields) for fields in manifest["weights"])
    for what in ("name", "file_name"):
        values = [getattr(entry, what) for entry in parsed]
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise ValueError(
                f"Each `{what}` of the manifest must differ. "
                f"Received twice: {sorted(twice)}"
            )
    return parsed


def _entry(fields: dict[str, Any]) -> WeightsEntry:
    name = fields.get("name", "without a name")
    _check_fields(WeightsEntry, fields, name)
    _check_fields(InputFormat, fields["input"], f"{name}, input")
    _check_fields(License, fields["license"], f"{name}, license")
    pixels = {key: tuple(value) for key, value in fields["input"].items()}
    entry = WeightsEntry(
        **{
            **fields,
            "urls": tuple(fields["urls"]),
            "input": InputFormat(**pixels),
            "license": License(**fields["license"]),
        }
    )
    _check_values(entry)
    return entry


def _check_fields(cls: type, fields: dict[str, Any], name: str) -> None:
    known = dataclasses.fields(cls)
    required = {
        field.name
        for field in known
        if field.default_factory is dataclasses.MISSING
    }
    missing = required - set(fields)
    unknown = set(fields) - {field.name for field in known}
    if missing or unknown:
        raise ValueError(
            f"Entry {name!r} of the manifest lacks the fields "
            f"{sorted(missing)} and has the unknown fields {sorted(unknown)}."
        )


def _check_values(entry: WeightsEntry) -> None:
    def check(is_right: bool, rule: str, received: Any) -> None:
        if not is_right:
            raise ValueError(
                f"Entry {entry.name!r} of the manifest: {rule}. "
                f"Received: {received!r}"
            )

    check(entry.format in FORMATS, f"`format` is of {FORMATS}", entry.format)
    check(bool(entry.urls), "`urls` has one or more", entry.urls)
    for url in entry.urls:
        check(url.startswith("https://"), "`urls` are https", url)
    check(
        "/" not in entry.file_name and not entry.file_name.startswith("."),
        "`file_name` is a plain name",
        entry.file_name,
    )
    for kind, digest in entry.hash.items():
        check(kind in HASH_KINDS, f"`hash` is of {tuple(HASH_KINDS)}", kind)
        check(
            len(digest) == HASH_KINDS[kind]
            and set(digest) <= set("0123456789abcdef"),
            f"`{kind}` has {HASH_KINDS[kind]} hexadecimal digits",
            digest,
        )
    check(entry.num_params > 0, "`num_params` is positive", entry.num_params)
    check(
        len(entry.input.mean) == 3 and len(entry.input.std) == 3,
        "`mean` and `std` have three numbers",
        entry.input,
    )
    check(min(entry.input.std) > 0, "`std` is positive", entry.input.std)
