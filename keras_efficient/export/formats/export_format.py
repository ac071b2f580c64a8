"""The interface of an export format."""

import abc
import dataclasses
import importlib.util
import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import TypeAlias

import keras
import numpy as np

from keras_efficient.data.images import standardize_size
from keras_efficient.export.specs import Spec

# Arrays by name: the outputs of an exported model.
Outputs: TypeAlias = dict[str, np.ndarray]
# From one array, or a list of encoded images, to the outputs.
SignatureFunction: TypeAlias = Callable[[Any], Outputs]


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """The part of an export that its format decides how to write.

    Attributes:
        precision: String, a member of the format's `precisions`.
        batch_size: Integer, a fixed number of images, or `None` for any.
        image_size: `(height, width)`, a fixed size of the images, or `None`
            for any.
        channels: Integer, number of channels of the images.
        layout: String, the names and the order of the outputs. `"named"` is
            that of all formats.
        io_dtype: String, the dtype of input and outputs of an export of the
            network alone, without preprocessing and post-processing. `None`
            for an export with all steps.
        calibration: For int8: uint8 arrays of shape `(height, width,
            channels)` on which the ranges of the activations are measured.
        metadata: Dictionary to store in the export, for JSON.
        served_name: String, the name of the model in TensorFlow Serving.
        network_only: Boolean, whether the export returns the outputs of a
            detector's network, without post-processing.
    """

    precision: str = "float32"
    batch_size: int | None = None
    image_size: tuple[int, int] | None = None
    channels: int = 3
    layout: str = "named"
    io_dtype: str | None = None
    calibration: Sequence[np.ndarray] | None = None
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    served_name: str = ""
    network_only: bool = False

    @property
    def images_shape(self) -> tuple[int | None, ...]:
        """Shape of the images that the export accepts; `None` for any."""
        size = self.image_size or (None, None)
        return (self.batch_size, *size, self.channels)


class ExportFormat(abc.ABC):
    """A format that models are exported to.

    Subclasses import the format's packages inside their methods, so that this
    package can be imported without them. `write` runs in a process with the
    TensorFlow backend; the other methods run on any backend.

    Attributes:
        name: Name of the format.
        precisions: Numeric precisions that `write` supports, of `"float32"`,
            `"float16"`, `"bfloat16"` and `"int8"`.
        packages: Names of the modules that must be importable.
        int8_packages: Names of further modules that int8 needs.
        is_folder: Boolean, whether the export is a folder and not a file.
        has_float64: Boolean, whether the format's runtime has float64, which
            resampling images of any size to the last bit needs.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]
    packages: ClassVar[tuple[str, ...]]
    int8_packages: ClassVar[tuple[str, ...]] = ()
    is_folder: ClassVar[bool] = False
    has_float64: ClassVar[bool] = True

    @abc.abstractmethod
    def recognizes(self, path: pathlib.Path) -> bool:
        """Return whether a file or folder looks like this format."""

    @abc.abstractmethod
    def write(
        self,
        model: keras.Model,
        spec: Spec,
        path: pathlib.Path,
        settings: ExportSettings,
    ) -> None:
        """Write a model.

        Args:
            model: A `keras.Model` on the TensorFlow backend.
            spec: The description of the model.
            path: File to write, or an existing empty folder to write into.
            settings: `ExportSettings` that `prepare` returned.
        """

    @abc.abstractmethod
    def read(self, path: pathlib.Path) -> dict[str, SignatureFunction]:
        """Load an export in the format's runtime.

        Args:
            path: File or folder that `write` wrote.

        Returns:
            A dictionary from the names of signatures to functions. An export
            with all steps has `"images"`, a function from a uint8 array of
            shape `(batch, height, width, channels)`; an export of the network
            alone has only `"raw"`, a function from pixels of the network's
            size.
        """

    @abc.abstractmethod
    def read_metadata(self, path: pathlib.Path) -> dict[str, Any]:
        """Return the `settings.metadata` that `write` stored.

        Raises:
            KeyError, OSError, ValueError: If the file or folder has none.
        """

    def prepare(self, spec: Spec, settings: ExportSettings) -> ExportSettings:
        """Validate the settings and fill in the defaults of the format.

        Args:
            spec: The description of the model.
            settings: `ExportSettings` as requested by the user.

        Returns:
            `ExportSettings`.

        Raises:
            ValueError: If a setting is out of range, or not supported.
        """
        batch_size, image_size = settings.batch_size, settings.image_size
        if batch_size is not None and batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: {batch_size}"
            )
        if image_size is not None:
            image_size = standardize_size(image_size)
        return dataclasses.replace(
            settings, image_size=image_size, channels=spec.channels
        )

    def check_precision(self, precision: str, calibration: Any) -> None:
        """Raise an error if a precision is not supported.

        Args:
            precision: String, the requested precision.
            calibration: Images for int8, or `None`.

        Raises:
            ValueError: If the format does not support the precision, if
                images are missing for int8, or if they are passed for another
                precision.
        """
        if precision not in self.precisions:
            raise ValueError(
                f"`precision` of {self.name!r} must be one of "
                f"{self.precisions}. Received: precision={precision!r}"
            )
        is_given = calibration is not None
        if (precision == "int8") != is_given:
            raise ValueError(
                'precision="int8" needs `calibration`, a data set or a few '
                "hundred images similar to those of the application; no other "
                f"precision uses it. Received: precision={precision!r}, "
                f"calibration={'given' if is_given else None}"
            )

    def require_packages(self, precision: str = "float32") -> None:
        """Raise an error if a package that the format needs is missing.

        Args:
            precision: String, the precision to write. Defaults to
                `"float32"`.

        Raises:
            ImportError: If a package is missing; the message contains the
                command that installs it.
        """
        is_int8 = precision == "int8"
        needed = self.packages + (self.int8_packages if is_int8 else ())
        missing = [package for package in needed if not _is_installed(package)]
        if missing:
            extras = "export,quantize" if is_int8 else "export"
            raise ImportError(
                f"Exporting to {self.name!r} requires {', '.join(missing)}, "
                "on every backend. Run `pip install "
                f'"keras-efficient[{extras}]"`.'
            )


def run_in_batches(
    function: SignatureFunction, images: np.ndarray, batch_size: int | None
) -> Outputs:
    """Call a function that accepts a fixed number of images.

    The last batch is filled up with copies of its last image.

    Args:
        function: Function from an array to a dictionary of arrays.
        images: Array of shape `(number, ...)`.
        batch_size: Integer, or `None` if `function` accepts any number.

    Returns:
        A dictionary of arrays with the outputs for all images.
    """
    if batch_size is None:
        return function(images)
    parts = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        missing = batch_size - len(part)
        filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
        outputs = function(filled)
        parts.append({k: x[: len(part)] for k, x in outputs.items()})
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # `sys.modules` has `None` in its place
        return False
