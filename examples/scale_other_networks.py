"""Scale MobileNet and ResNet in four ways to one cost, as in Table 3.

    python examples/scale_other_networks.py MobileNetV2 ResNet50

Each network is scaled to four times its multiply-adds in depth, width or
resolution alone, and in all three together. Multiply-adds are counted on the
scaled networks, after rounding. The table shows the coefficients, the
parameters and the run time. `benchmarks/compound_scaling.py` also trains such
networks to compare their accuracy. `docs/scaling.md` contains the results of
the paper.
"""

import argparse

import keras_efficient
from keras_efficient import budgets
from keras_efficient import counting
from keras_efficient.scaling import CompoundScaling

# Factors of depth, width and resolution that about double the cost at phi = 1.
# Those of compound scaling are from the paper.
WAYS = {
    "depth": CompoundScaling(2.0, 1.0, 1.0),
    "width": CompoundScaling(1.0, 2.0**0.5, 1.0),
    "resolution": CompoundScaling(1.0, 1.0, 2.0**0.5),
    "compound": CompoundScaling(1.2, 1.1, 1.15),
}


def main():
    """Print a table for each network."""
    args = parse_arguments()
    for name in args.networks:

        def build(c, name=name):
            return getattr(keras_efficient, name)(
                depth_coefficient=c.depth,
                width_coefficient=c.width,
                resolution=c.scale_resolution(args.resolution),
            )

        baseline = build(WAYS["compound"](0))
        cost = counting.count_multiply_adds(baseline)
        print(
            f"{name:<12} {'depth':>6} {'width':>6} {'pixels':>7} "
            f"{'parameters':>12} {'multiply-adds':>14} {'ms':>7}"
        )
        print_row("baseline", WAYS["compound"](0), baseline, args.resolution)
        for way, scaling in WAYS.items():
            fit = budgets.fit_budget(
                build, scaling, multiply_adds=args.growth * cost
            )
            model = build(fit.coefficients)
            print_row(way, fit.coefficients, model, args.resolution)


def print_row(way, c, model, resolution):
    """Print the coefficients, size, cost and run time of a scaled network."""
    print(
        f"{way:<12} {c.depth:6.2f} {c.width:6.2f} "
        f"{c.scale_resolution(resolution):7} "
        f"{counting.count_parameters(model):12,} "
        f"{counting.count_multiply_adds(model) / 1e6:12,.0f} M "
        f"{budgets.measure_milliseconds(model):7.1f}"
    )


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = list(keras_efficient.variants.SCALABLE_NETWORKS)
    add = parser.add_argument
    add("networks", nargs="*", help=f"any of {', '.join(names)}; default: all")
    add("--growth", type=float, default=4.0, help="factor of the multiply-adds")
    add(
        "--resolution", type=int, default=224, help="resolution of the baseline"
    )
    args = parser.parse_args()
    unknown = sorted(set(args.networks) - set(names))
    if unknown:
        parser.error(f"unknown network {unknown[0]}; choose from {names}")
    args.networks = args.networks or names
    return args


if __name__ == "__main__":
    main()

# On PyTorch with two CPU cores that also ran other programs, four minutes for
# all three networks:
# MobileNetV2   depth  width  pixels   parameters  multiply-adds      ms
# baseline       1.00   1.00     224    3,504,872          301 M    13.3
# depth          3.66   1.00     224   11,544,408        1,160 M    42.4
# width          1.00   2.07     224   11,945,944        1,196 M    38.2
# resolution     1.00   1.00     448    3,504,872        1,199 M    48.4
# compound       1.33   1.16     279    6,850,144        1,086 M    44.8
