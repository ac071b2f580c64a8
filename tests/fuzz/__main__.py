"""Command: `python -m tests.fuzz --reader coco --executions 1000000`."""

import argparse
import os
import pathlib
import pickle
import sys
import time

from tests.fuzz.execution import Finding
from tests.fuzz.execution import Summary
from tests.fuzz.execution import empty_summary
from tests.fuzz.execution import execute_range
from tests.fuzz.execution import files_of
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets import Target
from tests.fuzz.targets import target_named

# Executions of one child process: a crash loses no more.
CHUNK = 2000


def main(arguments: list[str] | None = None) -> int:
    """Run the fuzzer; the exit status is 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    names = [target.name for target in TARGETS]
    parser.add_argument("--reader", default="all", choices=("all", *names))
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, help="stop each reader after this time"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, help="folder for the files of findings"
    )
    options = parser.parse_args(arguments)
    chosen = names if options.reader == "all" else [options.reader]
    has_findings = False
    for name in chosen:
        summary = _run(target_named(name), options)
        has_findings |= bool(summary.findings)
    return int(has_findings)


def _run(target: Target, options: argparse.Namespace) -> Summary:
    summary = empty_summary()
    start = time.monotonic()
    number, stop = options.first, options.first + options.executions
    while number < stop:
        end = min(stop, number + CHUNK)
        summary.add(_in_child(target, options.seed, number, end))
        number = end
        seconds = time.monotonic() - start
        if options.seconds and seconds > options.seconds:
            break
    seconds = time.monotonic() - start
    total = sum(summary.counts.values())
    counts = ", ".join(f"{x} {n}" for x, n in sorted(summary.counts.items()))
    print(
        f"{target.name}: {total} executions in {seconds:.0f} s: {counts}; "
        f"{len(summary.findings)} kinds of findings",
        flush=True,
    )
    for finding in summary.findings:
        _show(finding, summary.kinds[finding.kind], target, options.output)
    return summary


def _in_child(target: Target, seed: int, first: int, stop: int) -> Summary:
    """Execute numbers in a child process, which may crash."""
    summary = _try_child(target, seed, first, stop)
    if summary is not None:
        return summary
    if stop - first == 1:
        crash = empty_summary()
        crash.counts["finding"] += 1
        crash.kinds["crash of the process"] += 1
        crash.findings.append(
            Finding(target.name, seed, first, "crash of the process", "")
        )
        return crash
    middle = (first + stop) // 2
    found = _in_child(target, seed, first, middle)
    found.add(_in_child(target, seed, middle, stop))
    return found


def _try_child(
    target: Target, seed: int, first: int, stop: int
) -> Summary | None:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        status = 1
        try:
            summary = execute_range(target, seed, range(first, stop))
            with os.fdopen(sink, "wb") as file:
                pickle.dump(summary, file)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(sink)
    with os.fdopen(source, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    return pickle.loads(data) if status == 0 and data else None


def _show(
    finding: Finding, count: int, target: Target, output: pathlib.Path | None
) -> None:
    print(f"- {count} x {finding.kind}\n  {finding.command()}")
    print("  " + finding.details.replace("\n", "\n  "), flush=True)
    if output is None:
        return
    place = output / f"{finding.reader}-{finding.seed}-{finding.number}"
    for name, content in files_of(target, finding.seed, finding.number).items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content.value)


if __name__ == "__main__":
    sys.exit(main())
