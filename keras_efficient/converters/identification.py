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
from keras_efficient.converters import detection_schemes
from keras_efficient.converters import naming_schemes
from keras_efficient.converters.detection_schemes import EFFDET
from keras_efficient.converters.detection_schemes import (
    is_trained_in_tensorflow,
)
from keras_efficient.converters.variable_names import CLASSIFIER
from keras_efficient.converters.variable_names import blocks_in
from keras_efficient.converters.variable_names import find_layer
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages

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

# A detector's scheme knows the names of its backbone as well: what two know
# equally well is the earlier one's.
SCHEMES = (*naming_schemes.SCHEMES, *detection_schemes.SCHEMES)


def identify(names, path, source=None, config=None):
    """Tells which library a file comes from.

    Args:
        names: Names in the file, a sequence of strings.
        path: `pathlib.Path` of the file.
        source: Name of the library, where the user has said it.
        config: Content of the `config.json` beside a file of timm.

    Returns:
        A pair of `Source` and `naming_schemes.Scheme`.

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
        if scheme is naming_schemes.TIMM:
            source = _timm_source(path, config or {})
        elif scheme is EFFDET and is_trained_in_tensorflow(names):
            source = "effdet_tf"
    if scheme.name not in SOURCES[source].schemes:
        raise ValueError(
            f"{path} has names of {scheme.name!r}. Received: source={source!r}"
        )
    return SOURCES[source], scheme


def recognize(names):
    """Tells the scheme of a file by the names in it.

    Args:
        names: Names of the file, a sequence of strings.

    Returns:
        The `Scheme` that most names follow, or `None` if fewer than half of
        them follow any.
    """

    def count(scheme):
        rewritten = filter(None, map(scheme.rewrite, names))
        return sum(re.match(scheme.pattern, n) is not None for n in rewritten)

    scheme = max(SCHEMES, key=count)
    weights = [
        name for name in names if not name.endswith(naming_schemes.COUNTERS)
    ]
    return scheme if 2 * count(scheme) >= len(weights) > 0 else None


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


# Share of the kernels that must be there to say which network it is.
_MIN_SHARE = 0.9


def kernel_shapes(variant):
    """The shape of each convolution's kernel in a published network.

    Args:
        variant: A `variants.EfficientNetVariant`.

    Returns:
        A dict of canonical name to shape, without the classifier.
    """
    width = variant.width_coefficient
    filters = round_filters(variants.EFFICIENTNET_STEM_FILTERS, width)
    shapes = {"stem_conv/kernel": (3, 3, 3, filters)}
    stages = scale_stages(
        variants.EFFICIENTNET_STAGES, width, variant.depth_coefficient
    )
    for number, stage in enumerate(stages, start=1):
        for repeat in range(stage.repeats):
            name = f"block{number}{chr(ord('a') + repeat)}"
            shapes.update(_block_shapes(name, stage, filters))
            filters = stage.filters
    top = round_filters(variants.EFFICIENTNET_TOP_FILTERS, width)
    return {**shapes, "top_conv/kernel": (1, 1, filters, top)}


def _block_shapes(name, stage, filters):
    inner = filters * stage.expand_ratio
    squeezed = max(1, int(filters * stage.se_ratio))
    size = stage.kernel_size
    shapes = {
        f"{name}_expand_conv/kernel": (1, 1, filters, inner),
        f"{name}_dwconv/kernel": (size, size, inner, 1),
        f"{name}_se_reduce/kernel": (1, 1, inner, squeezed),
        f"{name}_se_expand/kernel": (1, 1, squeezed, inner),
        f"{name}_project_conv/kernel": (1, 1, inner, stage.filters),
    }
    if stage.expand_ratio == 1:
        del shapes[f"{name}_expand_conv/kernel"]
    return shapes


SHAPES = {
    name: kernel_shapes(variant)
    for name, variant in variants.EFFICIENTNET_VARIANTS.items()
}


def variant_of_model(named):
    """The published network that a model is like.

    Args:
        named: Dict of canonical name to variable.

    Returns:
        A name such as `"EfficientNetB0"`, or `None`.
    """
    shapes = {name: tuple(value.shape) for name, value in named.items()}
    detector = _detector(shapes)
    return detector or _best({name: shapes for name in SHAPES})


def variant_of_file(arrays, scheme):
    """The published network that a file's weights are of.

    Args:
        arrays: Dict of the file's own names to arrays.
        scheme: The `Scheme` of these names.

    Returns:
        A name such as `"EfficientNetB0"`, or `None`.
    """
    rewritten = {scheme.rewrite(name): name for name in arrays}
    detector = _detector(
        {
            canonical: scheme.to_keras(canonical, arrays[name]).shape
            for canonical, name in rewritten.items()
            if canonical is not None
        }
    )
    if detector is not None:
        return detector
    candidates = {}
    for variant, shapes in SHAPES.items():
        table = scheme.table(blocks_in(shapes))
        candidates[variant] = {}
        for name, array in arrays.items():
            # What the variant has no place for counts against it.
            canonical = table.get(scheme.rewrite(name), f"{name}/kernel")
            if scheme.rewrite(name) is not None:
                candidates[variant][canonical] = scheme.to_keras(
                    canonical, array
                ).shape
    return _best(candidates)


def _detector(shapes):
    """The published detector with these shapes behind its backbone."""
    cells = {name.split("/")[0] for name in shapes if "bifpn_" in name}
    kernel = shapes.get("bifpn_0/node0_conv/pointwise_conv/kernel")
    if kernel is None:
        return None
    found = (kernel[-1], len(cells), "class_head/bn0_p8/gamma" in shapes)
    for name, row in variants.EFFICIENTDET_VARIANTS.items():
        if found == (row.fpn_filters, row.fpn_repeats, row.max_level == 8):
            return name  # D6 and D7 are one network
    return None


def _best(candidates):
    """The variant whose kernels are those of its candidate, or `None`."""
    shares = {
        variant: _share(candidates[variant], shapes)
        for variant, shapes in SHAPES.items()
    }
    best = max(shares, key=shares.get)
    return best if shares[best] >= _MIN_SHARE else None


def _share(found, expected):
    """Kernels that agree, over all that either has; 0 if any disagrees."""
    kernels = {
        name: shape
        for name, shape in found.items()
        if name.endswith("/kernel") and not name.startswith(CLASSIFIER)
    }
    common = kernels.keys() & expected.keys()
    if any(kernels[name][3:] != expected[name][3:] for name in common):
        return 0.0
    inner = common - {"stem_conv/kernel"}  # images of any channels
    if any(kernels[name] != expected[name] for name in inner):
        return 0.0
    return len(common) / len(kernels.keys() | expected.keys())
