"""The tables of the networks for mobile devices."""

from keras_efficient.variant_rows import EFFICIENTNET_LITE_STAGES
from keras_efficient.variant_rows import EfficientDetVariant
from keras_efficient.variant_rows import EfficientNetVariant
from keras_efficient.variant_rows import by_name


def _lite(
    name: str,
    width: float,
    depth: float,
    resolution: int,
    dropout_rate: float,
    parameters: int,
    multiply_adds: int,
) -> EfficientNetVariant:
    return EfficientNetVariant(
        name,
        width,
        depth,
        resolution,
        dropout_rate,
        parameters,
        multiply_adds,
        stages=EFFICIENTNET_LITE_STAGES,
        scale_ends=False,
        activation="relu6",
        pixel_mean=(127 / 255,) * 3,
        pixel_std=(128 / 255,) * 3,
    )


# `efficientnet_lite_params` in tensorflow/tpu,
# `lite/efficientnet_lite_builder.py`.
EFFICIENTNET_LITE_VARIANTS = by_name(
    # Width, depth, resolution, dropout, parameters, multiply-adds.
    _lite("EfficientNetLite0", 1.0, 1.0, 224, 0.2, 4_652_008, 385_187_552),
    _lite("EfficientNetLite1", 1.0, 1.1, 240, 0.2, 5_416_680, 600_185_232),
    _lite("EfficientNetLite2", 1.1, 1.2, 260, 0.3, 6_092_072, 859_736_272),
    _lite("EfficientNetLite3", 1.2, 1.4, 280, 0.3, 8_197_096, 1_383_321_872),
    _lite("EfficientNetLite4", 1.4, 1.8, 300, 0.3, 13_006_568, 2_553_034_336),
)


def _lite_detector(
    name: str,
    backbone: str,
    resolution: int,
    fpn_filters: int,
    fpn_repeats: int,
    head_repeats: int,
    parameters: int,
    multiply_adds: int,
    anchor_scale: float,
) -> EfficientDetVariant:
    return EfficientDetVariant(
        name,
        EFFICIENTNET_LITE_VARIANTS[backbone],
        resolution,
        fpn_filters,
        fpn_repeats,
        head_repeats,
        parameters,
        multiply_adds,
        anchor_scale=anchor_scale,
        weight_method="sum",
        activation="relu6",
    )


# google/automl, `efficientdet/hparams_config.py`, `efficientdet_lite_params`.
EFFICIENTDET_LITE_VARIANTS = by_name(
    # Backbone, resolution, filters, cells, convolutions of a head, parameters,
    # multiply-adds, anchor scale.
    _lite_detector(
        "EfficientDetLite0", "EfficientNetLite0", 320, 64, 3, 3,
        3_243_470, 973_589_696, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite1", "EfficientNetLite1", 384, 88, 4, 3,
        4_248_318, 1_966_649_904, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite2", "EfficientNetLite2", 448, 112, 5, 3,
        5_252_334, 3_371_304_384, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite3", "EfficientNetLite3", 512, 160, 6, 4,
        8_350_862, 7_480_187_904, 4.0,
    ),
    _lite_detector(
        "EfficientDetLite3x", "EfficientNetLite3", 640, 200, 6, 4,
        9_280_862, 13_978_127_600, 3.0,
    ),
    _lite_detector(
        "EfficientDetLite4", "EfficientNetLite4", 640, 224, 7, 4,
        15_130_894, 20_168_084_000, 4.0,
    ),
)  # fmt: skip
