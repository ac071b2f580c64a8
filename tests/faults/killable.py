"""Scenarios in processes that the system kills at one of their writes.

    python -m tests.faults.killable training

The program reads lines with the number of a write and a folder. For each it
forks a process that runs the scenario there, and prints whether it was killed.
It computes nothing itself, so that no thread of a backend exists when it forks.
"""

import os
import pathlib
import signal
import subprocess
import sys
import traceback

from tests.faults.faulty_disk import KILL
from tests.faults.faulty_disk import FaultyDisk

KILLED, ENDED, FAILED = "killed", "ended", "failed"


class Killable:
    """A scenario in processes of its own.

    Args:
        name: Name of the scenario.
    """

    def __init__(self, name):
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.killable", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, place):
        """Run the scenario; return whether it was killed at the write."""
        self._server.stdin.write(f"{place} {folder}\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline().strip()
        if answer not in (KILLED, ENDED):
            raise RuntimeError(f"The process {answer or 'has not started'}.")
        return answer == KILLED

    def close(self):
        """End the process."""
        self._server.communicate()


def _serve(scenario, answers):
    for line in sys.stdin:
        place, _, folder = line.strip().partition(" ")
        child = os.fork()
        if not child:
            _run(scenario, pathlib.Path(folder), int(place))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        names = {-signal.SIGKILL: KILLED, 0: ENDED}
        print(names.get(status, FAILED), file=answers, flush=True)


def _run(scenario, folder, place):
    try:
        with FaultyDisk(folder, place, KILL).watched():
            scenario.run(folder)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main():
    from tests.faults.scenarios import SCENARIOS

    # What the scenarios print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    (kind,) = (x for x in SCENARIOS if x.name == sys.argv[1])
    _serve(kind(), answers)


if __name__ == "__main__":
    main()
