"""Run a scenario with a fault, repeat it, and compare the results."""

import dataclasses
import functools
import pathlib
import random
import shutil
import tempfile

import numpy as np

from tests.faults.faulty_disk import KILL
from tests.faults.faulty_disk import FaultyDisk
from tests.faults.killable import Killable


@dataclasses.dataclass
class Outcome:
    """The trials of a scenario with one kind of fault.

    Attributes:
        writes: Number of writes of the scenario.
        trials: Number of trials.
        interrupted: Trials in which the fault occurred.
        failures: Descriptions of those with a wrong state or result.
    """

    writes: int = 0
    trials: int = 0
    interrupted: int = 0
    failures: list = dataclasses.field(default_factory=list)


class Trials:
    """Trials of one scenario.

    Args:
        scenario: A scenario of `scenarios`.
        folder: Folder for all files.
    """

    def __init__(self, scenario, folder):
        self.scenario = scenario
        self.folder = pathlib.Path(folder)
        self._prepared = self.folder / "prepared"
        self._prepared.mkdir(parents=True)
        scenario.prepare(self._prepared)
        whole = self._copy("whole")
        disk = FaultyDisk(whole)
        with disk.watched():
            scenario.run(whole)
        self.writes = disk.count
        self._expected = scenario.result(whole)

    def run(self, mode, number, seed=0):
        """Return the `Outcome` of trials with the fault at several writes.

        Args:
            mode: One of `faulty_disk.MODES`.
            number: Number of trials: at every write, then at random ones; or
                at random ones only, if there are more writes.
            seed: Integer.
        """
        rng = random.Random(seed)
        outcome = Outcome(self.writes)
        every = list(range(1, self.writes + 1))
        if number < len(every):
            places = sorted(rng.sample(every, number))
        else:
            places = every + rng.choices(every, k=number - len(every))
        for place in places:
            self._try(mode, place, rng, outcome)
        return outcome

    def _try(self, mode, place, rng, outcome):
        folder = self._copy("trial")
        outcome.trials += 1
        try:
            if mode == KILL:
                outcome.interrupted += self._killable.run(folder, place)
            else:
                outcome.interrupted += self._interrupt(mode, folder, place, rng)
            self.scenario.check(folder)
            self.scenario.run(folder)
            self.scenario.check(folder)
            self._compare(self.scenario.result(folder))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            outcome.failures.append(f"write {place}: {what:.300}")

    def _interrupt(self, mode, folder, place, rng):
        """Run with a fault in this process; return whether it occurred."""
        disk = FaultyDisk(folder, place, mode, rng)
        try:
            with disk.watched():
                self.scenario.run(folder)
        except OSError:
            # The clean-up after a kill may fail, a disk that refuses must.
            if not disk.has_failed:
                raise
        return disk.has_failed

    @functools.cached_property
    def _killable(self):
        return Killable(self.scenario.name)

    def remove(self):
        """End the processes and remove the files."""
        if "_killable" in self.__dict__:
            self._killable.close()
        shutil.rmtree(self.folder)

    def _compare(self, result):
        for name, expected in self._expected.items():
            if isinstance(expected, np.ndarray):
                np.testing.assert_allclose(
                    result[name], expected, 1e-5, 1e-7, err_msg=name
                )
            else:
                assert result[name] == expected, (name, result[name], expected)

    def _copy(self, name):
        for folder in (self.folder / name, self.folder / f"{name}.kept"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._prepared, self.folder / name)
        return self.folder / name


def trials_of(scenario):
    """Return the `Trials` of a scenario, in a new temporary folder."""
    return Trials(scenario, tempfile.mkdtemp(prefix="faults-"))
