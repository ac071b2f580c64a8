"""Published networks: which one weights are from, and the model they need.

Networks trained in TensorFlow pad a stride-2 convolution more at the end
(`"same"`) and add 1e-3 to the variance; PyTorch's own networks pad both sides
alike and mostly add 1e-5. The weights have the same shapes, and in the wrong
model change the outputs by about 1% without any error.
"""

import math
import re
from collections.abc import Mapping

from keras_efficient import variants
from keras_efficient.converters.file_formats import Checkpoint
from keras_efficient.converters.naming.identification import Origin
from keras_efficient.converters.naming.scheme import Arrays
from keras_efficient.converters.naming.scheme import Scheme
from keras_efficient.converters.naming.variable_names import CLASSIFIER
from keras_efficient.converters.naming.variable_names import Network
from keras_efficient.converters.naming.variable_names import blocks_in
from keras_efficient.converters.naming.variable_names import find_layer
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages
from keras_efficient.types import Shape

# Google's weights of B5 to B7 run in torchvision with symmetric padding.
_TORCHVISION_LARGE = ("EfficientNetB5", "EfficientNetB6", "EfficientNetB7")
# Squeeze-and-excitation in the names of any library.
_SQUEEZE = re.compile(r"(^|[/._])se([/._]|$)")
# Share of the kernels that must be present to name the variant.
_MIN_SHARE = 0.9


def check_model(
    checkpoint: Checkpoint, origin: Origin, network: Network
) -> None:
    """Raise an error for a model in which the weights give wrong outputs.

    Args:
        checkpoint: The `Checkpoint`.
        origin: The `Origin` of its weights.
        network: The `Network` to load into.

    Raises:
        ValueError: If padding or epsilon of the model differ from those that
            the weights were trained with.
    """
    padding = origin.source.padding
    epsilon = epsilon_of(checkpoint.arrays, origin)
    if padding is None or epsilon is None:
        return
    conv, norm = (
        find_layer(network.model, f"stem_{x}") for x in ("conv", "bn")
    )
    has_padding = getattr(conv, "padding", padding)
    has_epsilon = getattr(norm, "epsilon", epsilon)
    if has_padding == padding and math.isclose(has_epsilon, epsilon):
        return
    builder = _builder(
        padding, epsilon, variant_of_file(checkpoint.arrays, origin)
    )
    raise ValueError(
        f"{checkpoint.path} contains weights of {origin.source.name!r}, "
        f"trained with padding={padding!r} and "
        f"batch_norm_epsilon={epsilon:g}; in a model built otherwise they give "
        f"wrong outputs. Received a model with padding={has_padding!r} and "
        f"batch_norm_epsilon={has_epsilon:g}. Build it as {builder}."
    )


def epsilon_of(arrays: Arrays, origin: Origin) -> float | None:
    """Return the epsilon that weights were trained with, `None` if unknown.

    Args:
        arrays: Dict of name in the file to array.
        origin: The `Origin` of the weights.
    """
    if origin.source.name == "torchvision":
        if variant_of_file(arrays, origin) in _TORCHVISION_LARGE:
            return 1e-3
    return origin.source.epsilon


def _builder(padding: str, epsilon: float, variant: str | None) -> str:
    """Return the call that builds a model for weights."""
    settings = f'padding="{padding}", batch_norm_epsilon={epsilon:g}'
    if variant in variants.CLASSIFICATION_VARIANTS:
        if padding == "same":
            return f"`keras_efficient.{variant}(weights=None)`"
        row = f'variants.CLASSIFICATION_VARIANTS["{variant}"]'
        return (
            "`keras_efficient.EfficientNet.from_variant(keras_efficient."
            f"{row}, {settings})`"
        )
    if variant is not None and variant in variants.DETECTION_VARIANTS:
        if padding == "same":
            return (
                f"`keras_efficient.{variant}(weights=None, "
                "backbone_weights=None)`"
            )
        detector = variants.DETECTION_VARIANTS[variant]
        # Only the backbone has the epsilon of PyTorch.
        return (
            "`keras_efficient.EfficientDet(keras_efficient.EfficientNet."
            f'from_variant(keras_efficient.variants.CLASSIFICATION_VARIANTS["'
            f'{detector.backbone.name}"], include_top=False, input_shape=('
            f"{detector.resolution}, {detector.resolution}, 3), {settings}), "
            f'padding="{padding}", use_bias=False, '
            f"fpn_filters={detector.fpn_filters}, "
            f"fpn_repeats={detector.fpn_repeats}, "
            f"head_repeats={detector.head_repeats})`"
        )
    return f"`keras_efficient.EfficientNet({settings})`"


def kernel_shapes(variant: variants.EfficientNetVariant) -> dict[str, Shape]:
    """Return the shape of each convolution's kernel in a published network.

    Args:
        variant: A `variants.EfficientNetVariant`.

    Returns:
        A dict of canonical name to shape, without the classifier.
    """
    width = variant.width_coefficient
    width_of_ends = width if variant.scale_ends else None
    filters = round_filters(variants.EFFICIENTNET_STEM_FILTERS, width_of_ends)
    shapes: dict[str, Shape] = {"stem_conv/kernel": (3, 3, 3, filters)}
    stages = scale_stages(
        variant.stages,
        width,
        variant.depth_coefficient,
        scale_ends=variant.scale_ends,
    )
    for number, stage in enumerate(stages, start=1):
        for repeat in range(stage.repeats):
            name = f"block{number}{chr(ord('a') + repeat)}"
            shapes.update(_block_shapes(name, stage, filters))
            filters = stage.filters
    top = round_filters(variants.EFFICIENTNET_TOP_FILTERS, width_of_ends)
    return {**shapes, "top_conv/kernel": (1, 1, filters, top)}


def _block_shapes(
    name: str, stage: variants.MBConvStage, filters: int
) -> dict[str, Shape]:
    inner = filters * stage.expand_ratio
    squeezed = max(1, int(filters * stage.se_ratio))
    size = stage.kernel_size
    shapes: dict[str, Shape] = {
        f"{name}_expand_conv/kernel": (1, 1, filters, inner),
        f"{name}_dwconv/kernel": (size, size, inner, 1),
        f"{name}_se_reduce/kernel": (1, 1, inner, squeezed),
        f"{name}_se_expand/kernel": (1, 1, squeezed, inner),
        f"{name}_project_conv/kernel": (1, 1, inner, stage.filters),
    }
    if stage.expand_ratio == 1:
        del shapes[f"{name}_expand_conv/kernel"]
    if not stage.se_ratio:
        del shapes[f"{name}_se_reduce/kernel"]
        del shapes[f"{name}_se_expand/kernel"]
    return shapes


SHAPES = {
    name: kernel_shapes(variant)
    for name, variant in variants.CLASSIFICATION_VARIANTS.items()
}


def find_variants(
    checkpoint: Checkpoint, origin: Origin, network: Network
) -> tuple[str | None, str | None]:
    """Return the published networks that a file and a model agree with.

    Args:
        checkpoint: The `Checkpoint`.
        origin: The `Origin` of its weights.
        network: The `Network` to load into.

    Returns:
        A pair of names, such as `"EfficientNetB0"`, or `None` for each that
        is not a published network.
    """
    return (
        variant_of_file(checkpoint.arrays, origin),
        variant_of_model(network),
    )


def variant_of_model(network: Network) -> str | None:
    """Return the published network that has the shapes of a model.

    Args:
        network: The `Network`.

    Returns:
        A name such as `"EfficientNetB0"`, or `None`.
    """
    shapes = {k: tuple(v.shape) for k, v in network.variables.items()}
    return _detector_of(shapes) or _best({name: shapes for name in SHAPES})


def variant_of_file(arrays: Arrays, origin: Origin) -> str | None:
    """Return the published network that the weights of a file are from.

    Args:
        arrays: Dict of name in the file to array.
        origin: The `Origin` of the weights.

    Returns:
        A name such as `"EfficientNetB0"`, or `None`.
    """
    scheme = origin.scheme
    if not isinstance(scheme, Scheme):
        return None
    rewritten = {
        scheme.rewrite(name) or "": array
        for name, array in scheme.prepare(arrays).items()
    }
    rewritten.pop("", None)
    detector = _detector_of(
        {k: scheme.to_keras(k, v).shape for k, v in rewritten.items()}
    )
    if detector is not None:
        return detector
    candidates = {}
    for variant, shapes in SHAPES.items():
        table = scheme.table(blocks_in(shapes))
        candidates[variant] = {
            # A kernel that the variant does not have counts against it.
            (canonical := table.get(name, f"{name}/kernel")): scheme.to_keras(
                canonical, array
            ).shape
            for name, array in rewritten.items()
        }
    return _best(candidates)


def _detector_of(shapes: Mapping[str, Shape]) -> str | None:
    """Return the published detector with these shapes after its backbone."""
    cells = {name.split("/")[0] for name in shapes if "bifpn_" in name}
    kernel = shapes.get("bifpn_0/node0/conv/pointwise_conv/kernel")
    if kernel is None:
        return None
    has_p8 = "class_head/conv0/norm_p8/gamma" in shapes
    is_lite = not any(map(_SQUEEZE.search, shapes))
    found = (kernel[-1], len(cells), has_p8, is_lite)
    for name, row in variants.DETECTION_VARIANTS.items():
        if found == (
            row.fpn_filters,
            row.fpn_repeats,
            row.max_level == 8,
            name in variants.EFFICIENTDET_LITE_VARIANTS,
        ):
            return name  # D6 and D7 are the same network
    return None


def _best(candidates: Mapping[str, Mapping[str, Shape]]) -> str | None:
    """Return the variant whose kernels are those of its candidate."""
    shares = {
        variant: _share(candidates[variant], shapes)
        for variant, shapes in SHAPES.items()
    }
    best = max(shares, key=lambda variant: shares[variant])
    return best if shares[best] >= _MIN_SHARE else None


def _share(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> float:
    """Return the share of kernels that agree; 0 if any disagrees."""
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
