"""Which of the published networks a set of weights belongs to."""

from keras_efficient import variants
from keras_efficient.converters.names import CLASSIFIER
from keras_efficient.converters.names import blocks_in
from keras_efficient.scaling import round_filters
from keras_efficient.scaling import scale_stages

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
