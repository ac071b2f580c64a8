"""`keras-efficient scale`."""

import enum
import json
from typing import Annotated
from typing import Any

import typer

import keras_efficient
from keras_efficient.cli.options import BackendOption
from keras_efficient.scaling import CompoundScaling


class Network(enum.StrEnum):
    """Networks that can be scaled."""

    EFFICIENTNET = "EfficientNet"
    MOBILENET_V1 = "MobileNetV1"
    MOBILENET_V2 = "MobileNetV2"
    RESNET50 = "ResNet50"
    EFFICIENTDET = "EfficientDet"


def scale(
    phi: Annotated[
        float | None, typer.Option(help="Compound coefficient, such as 2.")
    ] = None,
    multiply_adds: Annotated[
        float | None, typer.Option(help="Budget of multiply-adds, such as 1e9.")
    ] = None,
    parameters: Annotated[
        float | None, typer.Option(help="Budget of parameters, such as 5e6.")
    ] = None,
    milliseconds: Annotated[
        float | None,
        typer.Option(
            help="Budget of milliseconds for one image on this machine."
        ),
    ] = None,
    network: Annotated[
        Network, typer.Option(help="Network to scale.")
    ] = Network.EFFICIENTNET,
    alpha: Annotated[
        float, typer.Option(help="Base of the depth coefficient.")
    ] = 1.2,
    beta: Annotated[
        float, typer.Option(help="Base of the width coefficient.")
    ] = 1.1,
    gamma: Annotated[
        float, typer.Option(help="Base of the resolution coefficient.")
    ] = 1.15,
    resolution: Annotated[
        int, typer.Option(help="Side of the unscaled images in pixels.")
    ] = 224,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of lines.")
    ] = False,
    backend: BackendOption = None,
) -> None:
    """Print the coefficients of a phi, or of the largest phi within budgets.

    keras-efficient scale --multiply-adds 1e9 --network MobileNetV2
    """
    budgets = {
        "multiply_adds": multiply_adds,
        "parameters": parameters,
        "milliseconds": milliseconds,
    }
    wanted: dict[str, Any] = {
        name: x for name, x in budgets.items() if x is not None
    }
    if (phi is None) == (not wanted):
        raise ValueError(
            "Pass either --phi or budgets (--multiply-adds, --parameters, "
            "--milliseconds)."
        )
    if network is Network.EFFICIENTDET:
        rule: Any = _Phi()
        build = keras_efficient.EfficientDet.from_phi
        limits = {"min_phi": 0.0, "max_phi": 7.0}
    else:
        rule, limits = CompoundScaling(alpha, beta, gamma), {}
        build = _builder(network, resolution)
    if phi is None:
        fit = keras_efficient.budgets.fit_budget
        phi = fit(build, rule, **wanted, **limits).phi
    row = _describe(phi, rule(phi), build(rule(phi)), resolution)
    if milliseconds is not None:
        measure = keras_efficient.budgets.measure_milliseconds
        row["milliseconds"] = measure(build(rule(phi)))
    if as_json:
        print(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        print(f"{name.replace('_', ' '):<14} {_readable(value)}")


class _Phi:
    """A rule that passes phi to the builder, which has its own table."""

    # From D0 to D7 the cost grows by a factor of 1.95 on average.
    cost_per_step = 2.0

    def __call__(self, phi: float) -> float:
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
    counting = keras_efficient.counting
    row["parameters"] = counting.count_parameters(model)
    row["multiply_adds"] = counting.count_multiply_adds(model)
    return row


def _readable(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
