"""Count parameters and multiply-adds of Tables 3 and 7 of EfficientNet.

    python benchmarks/scaling_table.py

Counts MobileNetV1, MobileNetV2, ResNet-50 and EfficientNet-B0, scaled by one
dimension and by all three, and compares with the printed numbers. Nothing is
trained; it takes less than a minute.
"""

import keras_efficient
from keras_efficient import counting

# The paper prints these for MobileNetV1 and B0 only.
COMPOUND = {"depth_coefficient": 1.4, "width_coefficient": 1.2}
# 1.3 times 224 pixels.
COMPOUND_RESOLUTION = 291
DEPTH = {"depth_coefficient": 4.0}
WIDTH = {"width_coefficient": 2.0}
RESOLUTION = {"resolution": 448}
COMPOUND_ROW = {**COMPOUND, "resolution": COMPOUND_RESOLUTION}
# Network, scaling, and the printed multiply-adds (billions) and top-1.
ROWS = (
    ("MobileNetV1", {}, 0.6, 70.6),
    ("MobileNetV1", WIDTH, 2.2, 74.2),
    ("MobileNetV1", RESOLUTION, 2.2, 72.7),
    ("MobileNetV1", COMPOUND_ROW, 2.3, 75.6),
    ("MobileNetV2", {}, 0.3, 72.0),
    ("MobileNetV2", DEPTH, 1.2, 76.8),
    ("MobileNetV2", WIDTH, 1.1, 76.4),
    ("MobileNetV2", RESOLUTION, 1.2, 74.8),
    ("MobileNetV2", COMPOUND_ROW, 1.3, 77.4),
    ("ResNet50", {}, 4.1, 76.0),
    ("ResNet50", DEPTH, 16.2, 78.1),
    ("ResNet50", WIDTH, 14.7, 77.7),
    ("ResNet50", RESOLUTION, 16.4, 77.5),
    ("ResNet50", COMPOUND_ROW, 16.7, 78.8),
    ("EfficientNetB0", {}, 0.4, 77.3),
    ("EfficientNetB0", DEPTH, 1.8, 79.0),
    ("EfficientNetB0", WIDTH, 1.8, 78.9),
    ("EfficientNetB0", RESOLUTION, 1.9, 79.1),
    ("EfficientNetB0", COMPOUND_ROW, 1.8, 81.1),
)


def main():
    """Print the table in Markdown."""
    print(
        "| network | depth | width | pixels | parameters | multiply-adds "
        "| printed | difference | top-1 in the paper |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name, scaled, printed, top1 in ROWS:
        model = build(name, **scaled)
        count = counting.count_multiply_adds(model) / 1e9
        print(
            f"| {name} | {scaled.get('depth_coefficient', 1):g} "
            f"| {scaled.get('width_coefficient', 1):g} "
            f"| {scaled.get('resolution', 224)} "
            f"| {counting.count_parameters(model):,} | {count:.3f} B "
            f"| {printed} B | {count / printed - 1:+.0%} | {top1}% |"
        )


def build(name, **scaled):
    """Return a network of the table."""
    if name == "EfficientNetB0":
        return keras_efficient.EfficientNet(**scaled)
    # As in the code for TPU: ResNet-50 has its strides in the 3x3.
    version = {"version": "v1.5"} if name == "ResNet50" else {}
    return getattr(keras_efficient, name)(**version, **scaled)


if __name__ == "__main__":
    main()
