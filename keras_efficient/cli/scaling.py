"""`keras-efficient scale`."""

import enum
import json
from typing import Annotated

import typer

import keras_efficient
from keras_efficient import budgets
from keras_efficient import counting
from keras_efficient.cli.options import BackendOption
from keras_efficient.scaling import CompoundScaling


class Network(enum.StrEnum):
    """What can be scaled."""

    EFFICIENTNET = "EfficientNet"
    MOBILENET_V1 = "MobileNetV1"
    MOBILENET_V2 = "MobileNetV2"
    RESNET50 = "ResNet50"
    EFFICIENTDET = "EfficientDet"


def scale(
    phi: Annotated[
        float | None, typer.Option(help="The compound coefficient, such as 2.")
    ] = None,
    multiply_adds: Annotated[
        float | None, typer.Option(help="A budget, such as 1e9.")
    ] = None,
    parameters: Annotated[
        float | None, typer.Option(help="A budget, such as 5e6.")
    ] = None,
    milliseconds: Annotated[
        float | None,
        typer.Option(help="A budget, for one image on this machine."),
    ] = None,
    network: Annotated[
        Network, typer.Option(help="What to scale.")
    ] = Network.EFFICIENTNET,
    alpha: Annotated[float, typer.Option(help="Base of the depth.")] = 1.2,
    beta: Annotated[float, typer.Option(help="Base of the width.")] = 1.1,
    gamma: Annotated[
        float, typer.Option(help="Base of the resolution.")
    ] = 1.15,
    resolution: Annotated[
        int, typer.Option(help="Side of the unscaled image, in pixels.")
    ] = 224,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write JSON instead of lines.")
    ] = False,
    backend: BackendOption = None,
):
    """Says the coefficients of a phi, or of the largest within budgets.

    keras-efficient scale --multiply-adds 1e9 --network MobileNetV2
    """
    wanted = {
        "multiply_adds": multiply_adds,
        "parameters": parameters,
        "milliseconds": milliseconds,
    }
    wanted = {name: x for name, x in wanted.items() if x is not None}
    if (phi is None) == (not wanted):
        raise ValueError(
            "Give either --phi, or budgets: --multiply-adds, --parameters, "
            "--milliseconds."
        )
    if network is Network.EFFICIENTDET:
        rule, build = _Phi(), keras_efficient.EfficientDet.from_phi
        limits = {"min_phi": 0.0, "max_phi": 7.0}
    else:
        rule, limits = CompoundScaling(alpha, beta, gamma), {}
        build = _builder(network, resolution)
    if phi is None:
        phi = budgets.fit_budget(build, rule, **wanted, **limits).phi
    row = _describe(phi, rule(phi), build(rule(phi)), resolution)
    if milliseconds is not None:
        row["milliseconds"] = budgets.measure_milliseconds(build(rule(phi)))
    if as_json:
        print(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        print(f"{name.replace('_', ' '):<14} {_readable(value)}")


class _Phi:
    """A rule that leaves phi to the builder, which has its own table."""

    # From D0 to D7 the cost grows by 1.95 on average.
    cost_per_step = 2.0

    def __call__(self, phi):
        return phi


def _builder(network, resolution):
    def build(coefficients):
        return getattr(keras_efficient, network.value)(
            width_coefficient=coefficients.width,
            depth_coefficient=coefficients.depth,
            resolution=coefficients.scale_resolution(resolution),
        )

    return build


def _describe(phi, coefficients, model, resolution):
    row = {"phi": phi}
    if isinstance(model, keras_efficient.EfficientDet):
        head = model.class_head
        row["resolution"] = model.image_size[0]
        row["fpn_filters"] = head.filters
        row["fpn_repeats"] = len(
            [x for x in model.feature_network.layers if "bifpn" in x.name]
        )
        row["head_repeats"] = head.repeats
    else:
        row["depth"] = coefficients.depth
        row["width"] = coefficients.width
        row["resolution"] = coefficients.scale_resolution(resolution)
    row["parameters"] = counting.count_parameters(model)
    row["multiply_adds"] = counting.count_multiply_adds(model)
    return row


def _readable(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
