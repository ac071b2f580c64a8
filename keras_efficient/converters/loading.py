"""Load a checkpoint of any format into a model: completely, or not at all."""

import contextlib
from collections.abc import Iterator

import keras

from keras_efficient.converters.file_formats import open_checkpoint
from keras_efficient.converters.matching import check_values
from keras_efficient.converters.matching import match_arrays
from keras_efficient.converters.naming.identification import identify
from keras_efficient.converters.naming.published_variants import check_model
from keras_efficient.converters.naming.published_variants import find_variants
from keras_efficient.converters.naming.published_variants import variant_of_file
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.normalization import Pair
from keras_efficient.converters.normalization import assign_normalization
from keras_efficient.converters.normalization import finalize_normalization
from keras_efficient.converters.normalization import find_normalization
from keras_efficient.converters.report import LoadReport
from keras_efficient.converters.report import log_other_classes
from keras_efficient.converters.report import misfit_message
from keras_efficient.types import PathLike


def load_checkpoint(
    model: keras.Model,
    path: PathLike,
    strict: bool = True,
    source: str | None = None,
    normalization: Pair | None = None,
) -> LoadReport:
    """Load the weights of a checkpoint of any supported format into a model.

    Names, shapes and values are checked before any variable is assigned: if
    the file does not fit, the model is not changed. Supported are

    - Keras' `.weights.h5` and `.keras`, and the `.h5` of
      `keras.applications`;
    - TensorFlow checkpoints by tensorflow/tpu: a folder, a prefix, an
      `.index` file or a `.tar.gz`, of which the averaged weights are read;
    - `.h5` and TensorFlow checkpoints of detectors by google/automl, also
      averaged;
    - `.pth`, `.pt` and `.safetensors` of timm, lukemelas/EfficientNet-PyTorch,
      torchvision and effdet, without PyTorch and without running code from
      them;
    - `.npz` with the names of any of these.

    A `MobileNetV1`, a `MobileNetV2` and a `ResNet50` load the first kind.

    If the file has another number of classes than the model, everything but
    the classifier (in a detector, the class predictor) is loaded, and a
    message is logged. A model without a classifier loads files that have one.

    Args:
        model: An EfficientNet, an EfficientDet, or a model that contains one;
            or a MobileNet or ResNet.
        path: Path of the checkpoint.
        strict: Boolean, whether every variable of the model must be in the
            file and every one of the file in the model. If `False`, whatever
            fits is loaded and the report names the rest. Defaults to `True`.
        source: String, the library that the weights come from:
            `"keras_applications"`, `"keras_efficient"`, `"tensorflow"`,
            `"timm_tf"`, `"timm"`, `"lukemelas"`, `"torchvision"`, `"automl"`,
            `"effdet_tf"` or `"effdet"`. Required for a file of timm whose
            name is not that of its model, and for an `.npz` of a model of
            this package with symmetric padding (`"keras_efficient"`).
            Defaults to `None`, which recognizes the library.
        normalization: Pair `(mean, std)` in units of `[0, 1]`, by which
            pixels were normalized in training. Defaults to `None`: read from
            the file, from the manifest by its published name, or from its
            `config.json`; otherwise that of EfficientNet-Lite if the weights
            are of such a network, and ImageNet's.

    Returns:
        A `LoadReport`.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ImportError: If the format needs a package that is not installed.
        ValueError: If the file is damaged, if its format is unknown, if it
            does not fit, or if its weights need a model with another padding
            or epsilon.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tiny.weights.h5")
    >>> stages = keras_efficient.variants.EFFICIENTNET_STAGES[:2]
    >>> trained = keras_efficient.EfficientNet(
    ...     stages=stages, width_coefficient=0.25, classes=3
    ... )
    >>> trained.save_weights(path)
    >>> model = keras_efficient.EfficientNet(
    ...     stages=stages, width_coefficient=0.25, classes=5
    ... )
    >>> report = keras_efficient.converters.load_checkpoint(model, path)
    >>> len(report.loaded), [x.name for x in report.mismatched]
    (62, ['predictions/kernel', 'predictions/bias'])
    """
    # Read: named arrays, from whatever format.
    checkpoint = open_checkpoint(path)
    # Match: translate the names of the library that wrote the file.
    network = Network.of(model)
    origin = identify(checkpoint, network, source)
    located = list(origin.scheme.locate(checkpoint.arrays, network))
    pixels, weights = find_normalization(
        located,
        network,
        checkpoint.path,
        checkpoint.config,
        normalization,
        keeps_default=not origin.scheme.sets_normalization,
        variant=variant_of_file(checkpoint.arrays, origin),
    )
    match = match_arrays(network.variables, weights)
    # Check, before anything is changed.
    check_values(match.values, checkpoint.path)
    report = LoadReport.of(checkpoint.path, origin.source.name, match, pixels)
    if not report.loaded or (strict and not report.fits):
        variants = find_variants(checkpoint, origin, network)
        raise ValueError(misfit_message(report, network, variants))
    check_model(checkpoint, origin, network)
    # Assign.
    with restored_on_error(network):
        for name, value in match.values.items():
            network.variables[name].assign(value)
        assign_normalization(network.preprocessing, pixels)
        finalize_normalization(model)
    log_other_classes(report, network)
    return report


@contextlib.contextmanager
def restored_on_error(network: Network) -> Iterator[None]:
    """Restore the variables of a network if the block is interrupted.

    Args:
        network: The `Network`.
    """
    layer = network.preprocessing
    variables = list(network.variables.values())
    if layer is not None:
        variables += layer.weights
    values = [keras.ops.convert_to_numpy(x).copy() for x in variables]
    try:
        yield
    except BaseException:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        raise
