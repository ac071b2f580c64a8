"""Where weights come from, and what kind of model they therefore need.

Networks trained in TensorFlow pad a stride-2 convolution more at the end
(`"same"`) and add 1e-3 to the variance; PyTorch's own pad both sides alike
and mostly add 1e-5. The weights have the same shapes, and in the wrong model
give outputs that are about 1% off without any error.
"""

import dataclasses
import math
import re

from keras_efficient import variants
from keras_efficient.converters import schemes
from keras_efficient.converters.detector_schemes import EFFDET
from keras_efficient.converters.detector_schemes import is_trained_in_tensorflow
from keras_efficient.converters.names import find_layer
from keras_efficient.converters.recognition import recognize

# Google's weights of B5 to B7 run in torchvision with symmetric padding.
_TORCHVISION_LARGE = ("EfficientNetB5", "EfficientNetB6", "EfficientNetB7")


@dataclasses.dataclass(frozen=True)
class Source:
    """A library whose weights can be loaded.

    Attributes:
        name: What `load_checkpoint` calls it.
        schemes: Names of the schemes that its files follow.
        padding: Padding of its networks; `None` where either may be.
        epsilon: Epsilon of its batch norms; `None` where any may be.
    """

    name: str
    schemes: tuple
    padding: str | None
    epsilon: float | None


SOURCES = {
    source.name: source
    for source in (
        Source("keras_applications", ("keras_applications",), "same", 1e-3),
        Source(
            "keras_efficient",
            ("keras_efficient", "keras_applications"),
            None,
            None,
        ),
        Source("tensorflow", ("tensorflow",), "same", 1e-3),
        Source("timm_tf", ("timm",), "same", 1e-3),
        Source("timm", ("timm",), "symmetric", 1e-5),
        Source("lukemelas", ("lukemelas",), "same", 1e-3),
        Source("torchvision", ("torchvision",), "symmetric", 1e-5),
        Source("automl", ("automl", "automl_objects"), "same", 1e-3),
        Source("effdet_tf", ("effdet",), "same", 1e-3),
        Source("effdet", ("effdet",), "symmetric", 1e-5),
    )
}
SOURCE_OF_SCHEME = {"automl_objects": "automl"}


def identify(names, path, source=None, config=None):
    """Tells which library a file comes from.

    Args:
        names: Names in the file, a sequence of strings.
        path: `pathlib.Path` of the file.
        source: Name of the library, where the user has said it.
        config: Content of the `config.json` beside a file of timm.

    Returns:
        A pair of `Source` and `schemes.Scheme`.

    Raises:
        ValueError: If no library names its variables so, if `source` is
            unknown or does, or if only `source` can tell.
    """
    if source is not None and source not in SOURCES:
        raise ValueError(
            f"`source` must be one of {tuple(SOURCES)}. "
            f"Received: source={source!r}"
        )
    scheme = recognize(names)
    if scheme is None:
        raise ValueError(
            f"{path} has names that no known EfficientNet has. "
            f"Known are those of {tuple(SOURCES)}. "
            f"Received: {len(names)} names, such as {list(names)[:4]}"
        )
    if source is None:
        source = SOURCE_OF_SCHEME.get(scheme.name, scheme.name)
        if scheme is schemes.TIMM:
            source = _timm_source(path, config or {})
        elif scheme is EFFDET and is_trained_in_tensorflow(names):
            source = "effdet_tf"
    if scheme.name not in SOURCES[source].schemes:
        raise ValueError(
            f"{path} has names of {scheme.name!r}. Received: source={source!r}"
        )
    return SOURCES[source], scheme


def _timm_source(path, config):
    """Whether timm ported the network from TensorFlow, or trained its own."""
    for name in (path.name, config.get("architecture", "")):
        if "tf_efficientnet" in name:
            return "timm_tf"
        if re.search(r"(^|[^a-z])efficientnet_", name):
            return "timm"
    raise ValueError(
        f"{path} is of timm, but its name does not tell whether of a "
        "`tf_efficientnet_*` or of an `efficientnet_*`; they pad differently. "
        'Pass `source="timm_tf"` or `source="timm"`.'
    )


def check_model(model, source, path, variant=None):
    """Refuses a model in which the weights would give wrong outputs.

    Args:
        model: The model to be filled.
        source: The `Source` of the weights.
        path: Path of the file, for the message.
        variant: Name of the published network that the weights are of.

    Raises:
        ValueError: If padding or epsilon are not those of `source`.
    """
    padding, epsilon = source.padding, source.epsilon
    if source.name == "torchvision" and variant in _TORCHVISION_LARGE:
        epsilon = 1e-3
    if padding is None:
        return
    conv, norm = (find_layer(model, f"stem_{x}") for x in ("conv", "bn"))
    has_padding = getattr(conv, "padding", padding)
    has_epsilon = getattr(norm, "epsilon", epsilon)
    if has_padding == padding and math.isclose(has_epsilon, epsilon):
        return
    raise ValueError(
        f"{path} holds weights of {source.name!r}, trained with "
        f"padding={padding!r} and batch_norm_epsilon={epsilon:g}; in a model "
        "built otherwise they run and give wrong outputs. Received a model "
        f"with padding={has_padding!r} and "
        f"batch_norm_epsilon={has_epsilon:g}. Build it as "
        f"{_builder(padding, epsilon, variant)}."
    )


def _builder(padding, epsilon, variant):
    arguments = [f'padding="{padding}"', f"batch_norm_epsilon={epsilon:g}"]
    if variant in variants.EFFICIENTDET_VARIANTS:
        if padding == "same":
            return f"`keras_efficient.{variant}(...)`"
        return (
            "`keras_efficient.EfficientDet(backbone, use_bias=False, "
            f'padding="{padding}", ...)`, its backbone an `EfficientNet` '
            f"with {', '.join(arguments)}"
        )
    if variant in variants.EFFICIENTNET_VARIANTS:
        row = variants.EFFICIENTNET_VARIANTS[variant]
        if padding == "same":
            return f"`keras_efficient.{variant}(...)`"
        arguments = [
            f"width_coefficient={row.width_coefficient}",
            f"depth_coefficient={row.depth_coefficient}",
            f"resolution={row.resolution}",
            f"dropout_rate={row.dropout_rate}",
            *arguments,
        ]
    return f"`keras_efficient.EfficientNet({', '.join(arguments)})`"
