"""Any checkpoint into a model: all of it or nothing, unless told otherwise."""

import pathlib

import keras

from keras_efficient.converters import file_formats
from keras_efficient.converters import identification
from keras_efficient.converters import keras_schemes
from keras_efficient.converters import native
from keras_efficient.converters.identification import variant_of_file
from keras_efficient.converters.identification import variant_of_model
from keras_efficient.converters.matching import check_values
from keras_efficient.converters.matching import match
from keras_efficient.converters.naming_schemes import KERAS_APPLICATIONS
from keras_efficient.converters.normalization import Normalization
from keras_efficient.converters.normalization import assign_normalization
from keras_efficient.converters.normalization import choose_normalization
from keras_efficient.converters.normalization import read_config
from keras_efficient.converters.normalization import take_normalization
from keras_efficient.converters.report import LoadReport
from keras_efficient.converters.variable_names import BOX_PREDICTOR
from keras_efficient.converters.variable_names import CLASSIFIER
from keras_efficient.converters.variable_names import find_layer
from keras_efficient.converters.variable_names import is_preprocessing
from keras_efficient.converters.variable_names import named_variables
from keras_efficient.weights.messages import print_message


def load_checkpoint(model, path, strict=True, source=None, normalization=None):
    """Fills a model with the weights of a checkpoint of any known format.

    Names, shapes and values are checked before anything is assigned: a file
    that does not fit leaves the model as it was. Read are

    - Keras' `.weights.h5` and `.keras`, and the `.h5` of
      `keras.applications`;
    - checkpoints of TensorFlow by tensorflow/tpu: a folder, a prefix, an
      `.index` file or a `.tar.gz`, of which the averaged weights are taken;
    - `.h5` and checkpoints of detectors by google/automl, averaged, too;
    - `.pth`, `.pt` and `.safetensors` of timm, lukemelas/EfficientNet-PyTorch,
      torchvision and effdet, without PyTorch and without running code from
      them;
    - `.npz` with the names of any of these.

    A `MobileNetV1`, a `MobileNetV2` and a `ResNet50` take the first two kinds,
    their own and those of `keras.applications`.

    A file with another number of classes than the model fills everything but
    the classifier (of a detector: the class predictor), and says so. A model
    without classifier takes files with one.

    Args:
        model: An EfficientNet, an EfficientDet, or a model that contains one;
            or a MobileNet or ResNet.
        path: Path of the checkpoint.
        strict: Boolean, whether every variable of the model must be filled
            and every one of the file used. If `False`, what fits is loaded
            and the report names the rest. Defaults to `True`.
        source: String, the library that the weights come from, one of
            `"keras_applications"`, `"keras_efficient"`, `"tensorflow"`,
            `"timm_tf"`, `"timm"`, `"lukemelas"`, `"torchvision"`, `"automl"`,
            `"effdet_tf"` and `"effdet"`. A file of timm with a name that does
            not tell needs it, and an `.npz` of a model of ours that pads as
            PyTorch (`"keras_efficient"`). Defaults to `None`: recognised.
        normalization: Pair `(mean, std)` in units of `[0, 1]`, by which the
            pixels of these weights were normalised. Defaults to `None`: what
            the file, its published name or its `config.json` says, else
            ImageNet's.

    Returns:
        A `LoadReport`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ImportError: If the format needs a package that is not installed.
        ValueError: If the file is damaged or of no known format, if it does
            not fit, or if its weights need a model with another padding or
            epsilon.

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
    tiny.weights.h5 has 3 classes, the model 5: the classifier was not loaded.
    >>> len(report.loaded), [x.name for x in report.mismatched]
    (62, ['predictions/kernel', 'predictions/bias'])
    """
    path = pathlib.Path(path).expanduser()
    kind = file_formats.kind_of(path)
    if kind in (file_formats.KERAS_ARCHIVE, file_formats.KERAS_WEIGHTS):
        return _load_native(model, path, kind, strict, normalization)
    arrays = file_formats.read_checkpoint(path)
    named = named_variables(model)
    if keras_schemes.is_keras_network(named):
        return _load_keras_network(
            model, path, arrays, strict, named, normalization
        )
    of_file = take_normalization(arrays)
    config = {} if "efficientnet" in path.name else read_config(path)
    source, scheme = identification.identify(list(arrays), path, source, config)
    arrays = scheme.prepare(arrays)
    normalization = choose_normalization(normalization, of_file, path, config)
    variant = variant_of_file(arrays, scheme)
    result = match(named, arrays, scheme)
    report = _report(path, source.name, result, normalization)
    _check_fit(model, named, result, report, strict, variant)
    identification.check_model(model, source, path, variant)
    check_values(result.values, path)
    for name, value in result.values.items():
        named[name].assign(value)
    assign_normalization(_preprocessing(model), normalization)
    _tell_of_classes(result, path, named)
    return report


def _load_keras_network(model, path, arrays, strict, named, normalization):
    """Loads a MobileNet or a ResNet, whose pixels are normalised one way."""
    if normalization is not None:
        normalization = choose_normalization(normalization, None, path)
    arrays = keras_schemes.rename(arrays, named)
    result = match(named, arrays, KERAS_APPLICATIONS)
    report = _report(path, keras_schemes.NAME, result, normalization)
    _check_fit(model, named, result, report, strict, None)
    check_values(result.values, path)
    for name, value in result.values.items():
        named[name].assign(value)
    if normalization is not None:
        assign_normalization(_preprocessing(model), normalization)
    _tell_of_classes(result, path, named)
    return report


def _load_native(model, path, kind, strict, argument):
    layer = _preprocessing(model)
    with native.loaded_into(model, path, kind) as result:
        normalization = None
        if argument is not None:
            normalization = choose_normalization(argument, None, path)
        elif layer is not None:
            mean, std = (
                tuple(keras.ops.convert_to_numpy(variable).tolist())
                for variable in (layer.mean, layer.std)
            )
            normalization = Normalization(mean, std, "the model after loading")
        report = _report(path, "keras", result, normalization)
        named = named_variables(model)
        _check_fit(model, named, result, report, strict, None)
        check_values(result.values, path)
        if argument is not None:
            assign_normalization(layer, normalization)
    _tell_of_classes(result, path, named)
    return report


def _report(path, source, result, normalization):
    return LoadReport(
        path=str(path),
        source=source,
        loaded=tuple(result.values),
        missing=tuple(result.missing),
        mismatched=tuple(result.mismatched),
        unexpected=tuple(result.unexpected),
        ignored=tuple(result.ignored),
        normalization=normalization,
    )


def _check_fit(model, named, result, report, strict, variant):
    if not result.values:
        advice = "Nothing in it fits."
    elif strict and not result.fits:
        advice = (
            "Nothing was loaded. Pass `strict=False` to load what fits, or "
            "build the model that the file is of."
        )
    else:
        return
    looks = []
    of_model = variant_of_model(named)
    if variant != of_model:
        looks = [
            f"{what} looks like {name}."
            for what, name in (("The file", variant), ("The model", of_model))
            if name is not None
        ]
    if {f"{CLASSIFIER}/kernel", f"{CLASSIFIER}/bias"} == set(report.missing):
        advice += (
            " The file has no classifier: it is for a model with "
            "`include_top=False`."
        )
    misfits = "".join(f"\n- {line}" for line in report.misfits())
    raise ValueError(
        f"{report.path} ({report.source}) does not fit the model "
        f"{model.name!r}. {' '.join([*looks, advice])}{misfits}"
    )


def _tell_of_classes(result, path, named):
    if not result.differs_in_classes:
        return
    # A detector predicts them for each of its anchors, as four box numbers.
    boxes = named.get(f"{BOX_PREDICTOR}/pointwise_conv/bias")
    anchors = 1 if boxes is None else boxes.shape[-1] // 4
    what = "classifier" if boxes is None else "class predictor"
    classes = result.mismatched[0]
    print_message(
        f"{path.name} has {classes.in_file[-1] // anchors} classes, the model "
        f"{classes.in_model[-1] // anchors}: the {what} was not loaded."
    )


def _preprocessing(model):
    layer = find_layer(model, "preprocessing")
    return layer if layer is not None and is_preprocessing(layer) else None
