"""A few of the trials of `python -m tests.faults`."""

import pytest

from tests.faults.faulty_disk import KILL
from tests.faults.faulty_disk import MODES
from tests.faults.scenarios import SCENARIOS
from tests.faults.trials import Trials
from tests.marks import on_one_backend

pytestmark = on_one_backend
TRIALS = {"training": 8, "download": 8}


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda kind: kind.name)
def trials(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    trials = Trials(request.param(), folder / "files")
    yield trials
    trials.remove()


@pytest.mark.parametrize("mode", [x for x in MODES if x != KILL])
def test_interrupted_and_repeated(trials, mode):
    check(trials, mode)


@pytest.mark.slow
def test_killed_processes(trials):
    check(trials, KILL)


def check(trials, mode):
    number = TRIALS.get(trials.scenario.name, trials.writes)
    outcome = trials.run(mode, number)
    assert trials.writes >= 4
    assert outcome.failures == []
    assert outcome.interrupted > 0
