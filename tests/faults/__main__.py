"""Interrupt training, export, conversion and download at every write.

    KERAS_BACKEND=torch python -m tests.faults --trials 50

Prints a line for each scenario and kind of fault. Ends with status 1 if a
file was incomplete, or if the repeated run had another result.
"""

import argparse
import sys

import keras

from tests.faults.faulty_disk import MODES
from tests.faults.scenarios import SCENARIOS
from tests.faults.trials import trials_of


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--trials",
        type=int,
        default=50,
        help="trials for each scenario and fault (default 50)",
    )
    parser.add_argument("--scenario", help="name of one scenario")
    parser.add_argument("--mode", choices=MODES, help="one kind of fault")
    parser.add_argument("--seed", type=int, default=0, help="(default 0)")
    arguments = parser.parse_args()
    failed = False
    print(
        f"{keras.backend.backend()}: scenario, fault, writes, trials, failures"
    )
    for kind in SCENARIOS:
        if arguments.scenario not in (None, kind.name):
            continue
        trials = trials_of(kind())
        for mode in [arguments.mode] if arguments.mode else MODES:
            outcome = trials.run(mode, arguments.trials, arguments.seed)
            print(
                f"{kind.name} | {mode} | {outcome.writes} | "
                f"{outcome.interrupted} of {outcome.trials} | "
                f"{len(outcome.failures)}",
                flush=True,
            )
            for failure in outcome.failures[:5]:
                print(f"  {failure}")
            failed |= bool(outcome.failures)
        trials.remove()
    sys.exit(failed)


if __name__ == "__main__":
    main()
