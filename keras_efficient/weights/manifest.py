"""The list of published weight files, from `weights_manifest.json`.

The file is at the root of the repository, and beside this module in the wheel.
It contains published facts only: a hash or a metric that was not published is
absent.
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
    """The images that a network was trained on.

    Attributes:
        size: Height and width, in pixels.
        value_range: Lowest and highest value of a pixel as it is passed to
            the model, before normalization by `mean` and `std`.
        mean: Mean of each channel (red, green, blue), in units of `[0, 1]`.
        std: Standard deviation of each channel, in units of `[0, 1]`.
    """

    size: tuple[int, int]
    value_range: tuple[float, float]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class License:
    """The license of a file.

    Attributes:
        spdx: SPDX identifier, such as `"Apache-2.0"`.
        url: URL of its text.
    """

    spdx: str
    url: str


@dataclasses.dataclass(frozen=True)
class WeightsEntry:
    """One published weight file.

    Attributes:
        name: Name of the entry, such as `"efficientnetb0.imagenet.timm"`.
        model: Name of the builder it fits, such as `"EfficientNetB0"`.
        tag: Value of the argument `weights` of the builder, such as
            `"imagenet"`.
        include_top: Whether the file contains the classifier.
        format: Format of the file, one of `FORMATS`.
        file_name: Its name in the cache, unique in the manifest.
        urls: URLs, in the order in which they are tried.
        num_params: Number of trainable parameters.
        num_classes: Number of classes; 0 without the classifier.
        class_names: Name of the list of classes, or `None`.
        input: The `InputFormat` of the network.
        license: The `License` of the file.
        source: Its author, as `url` and `note`.
        training: Its training, as `dataset` and `recipe`.
        hash: Kind and value of its checksum, such as `{"md5": "902e..."}`;
            empty if none is published.
        metrics: Published accuracy with its source; empty if none is
            published.
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
    """Return all published weight files, in the order they are tried.

    Returns:
        A tuple of `WeightsEntry`.

    Raises:
        FileNotFoundError: If the manifest is missing.
        ValueError: If the manifest does not follow its schema.

    Example:
    >>> from keras_efficient import weights
    >>> weights.entries()[0].name
    'efficientnetb0.imagenet'
    """
    return read(next((path for path in _PATHS if path.exists()), _PATHS[0]))


def find(
    model: str, tag: str, include_top: bool = True
) -> tuple[WeightsEntry, ...]:
    """Return the published files for a model, in the order they are tried.

    Args:
        model: Name of a builder, such as `"EfficientNetB0"`.
        tag: Set of weights, such as `"imagenet"`; see `tags`.
        include_top: Boolean, whether the model has a classifier. If `False`,
            files with a classifier follow those without. Defaults to `True`.

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
    """Return the sets of weights that were published for a model.

    Args:
        model: Name of a builder, such as `"EfficientNetB0"`.

    Returns:
        A tuple of values for the argument `weights` of the builder.

    Example:
    >>> from keras_efficient import weights
    >>> weights.tags("EfficientNetB6")
    ('imagenet', 'noisy-student', 'advprop')
    """
    found = (entry.tag for entry in entries() if entry.model == model)
    return tuple(dict.fromkeys(found))


def by_file_name(file_name: str) -> WeightsEntry | None:
    """Return the entry of a file by its published name.

    Args:
        file_name: Name of the file, without its folder.

    Returns:
        The `WeightsEntry`, or `None` if no file or several files have this
        name: Google published three different files named
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
def read(path: pathlib.Path) -> tuple[WeightsEntry, ...]:
    """Read a manifest.

    Args:
        path: `pathlib.Path` of a `weights_manifest.json`.

    Returns:
        A tuple of `WeightsEntry`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not JSON, or does not follow the schema.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"The list of weight files is missing: {path}. Reinstall "
            "`keras-efficient`, or restore the file in your checkout."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    return parse(manifest)


def parse(manifest: Any) -> tuple[WeightsEntry, ...]:
    """Parse the content of a manifest and check its schema.

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
            f"The manifest must have schema version {SCHEMA_VERSION}. "
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
            f"Entry {name!r} of the manifest has missing fields "
            f"{sorted(missing)} and unknown fields {sorted(unknown)}."
        )


def _check_values(entry: WeightsEntry) -> None:
    def check(is_valid: bool, rule: str, received: Any) -> None:
        if not is_valid:
            raise ValueError(
                f"Entry {entry.name!r} of the manifest: {rule}. "
                f"Received: {received!r}"
            )

    check(
        entry.format in FORMATS,
        f"`format` must be one of {FORMATS}",
        entry.format,
    )
    check(bool(entry.urls), "`urls` must not be empty", entry.urls)
    for url in entry.urls:
        check(url.startswith("https://"), "`urls` must be https", url)
    check(
        "/" not in entry.file_name and not entry.file_name.startswith("."),
        "`file_name` must be a name without folders",
        entry.file_name,
    )
    for kind, digest in entry.hash.items():
        check(
            kind in HASH_KINDS,
            f"`hash` must be one of {tuple(HASH_KINDS)}",
            kind,
        )
        check(
            len(digest) == HASH_KINDS[kind]
            and set(digest) <= set("0123456789abcdef"),
            f"`{kind}` must have {HASH_KINDS[kind]} hexadecimal digits",
            digest,
        )
    check(
        entry.num_params > 0, "`num_params` must be positive", entry.num_params
    )
    check(
        len(entry.input.mean) == 3 and len(entry.input.std) == 3,
        "`mean` and `std` must have three numbers",
        entry.input,
    )
    check(min(entry.input.std) > 0, "`std` must be positive", entry.input.std)
