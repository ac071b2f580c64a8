"""The example that scales other networks."""

import pytest

import keras_efficient
from tests.examples.running import run
from tests.examples.running import start

WAYS = ["baseline", "depth", "width", "resolution", "compound"]


@pytest.mark.slow
def test_scale_other_networks():
    output = run(
        "scale_other_networks.py",
        *"MobileNetV2 --growth 2 --resolution 96".split(),
    )
    lines = [line.split() for line in output.splitlines()]
    assert lines[0][0] == "MobileNetV2"
    assert [line[0] for line in lines[1:]] == WAYS
    rows = {line[0]: line[1:] for line in lines[1:]}
    model = keras_efficient.MobileNetV2(resolution=96)
    parameters = keras_efficient.counting.count_parameters(model)
    assert rows["baseline"][:4] == ["1.00", "1.00", "96", f"{parameters:,}"]
    # Each method changes its own dimension only.
    assert float(rows["depth"][0]) > 1 and rows["depth"][1:3] == ["1.00", "96"]
    assert float(rows["width"][1]) > 1 and rows["width"][2] == "96"
    assert rows["resolution"][:2] == ["1.00", "1.00"]
    assert int(rows["resolution"][2]) > 96
    cost = keras_efficient.counting.count_multiply_adds(model) / 1e6
    for way in WAYS[1:]:
        grown = float(rows[way][4].replace(",", ""))
        assert cost < grown <= 2 * cost + 1, way


def test_an_unknown_network():
    process = start("scale_other_networks.py", "AlexNet")
    assert process.returncode == 2
    assert "unknown network AlexNet; choose from" in process.stderr
