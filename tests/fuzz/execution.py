"""Executions of a target: one changed data set each, and what must hold."""

import collections
import dataclasses
import pathlib
import random
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator

from keras_efficient.data.readers.unexpected import UnexpectedContentError
from tests.fuzz import seeds
from tests.fuzz.memory import peak
from tests.fuzz.memory import start_of_growth
from tests.fuzz.mutations import Files
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import MAX_MESSAGE
from tests.fuzz.targets import Target
from tests.fuzz.workspace import WATCH
from tests.fuzz.workspace import Workspace

# Seconds after which an execution is interrupted, by clock: a read that waits.
MAX_WAIT = 10.0
# Bytes of address space beyond that of the process when it starts.
ADDRESS_SPACE = 3 << 30


class Interrupted(BaseException):
    """An execution takes too long. Not an `Exception`: no reader catches it."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """An execution whose result is neither valid nor an accepted error.

    Attributes:
        reader: Name of the target.
        seed: Integer, the seed of the run.
        number: Integer, the number of the execution.
        kind: What is wrong, and where; equal for equal defects.
        details: The message, and where it was raised.
    """

    reader: str
    seed: int
    number: int
    kind: str
    details: str

    def command(self) -> str:
        """Return the command that repeats the execution."""
        return (
            f"python -m tests.fuzz --reader {self.reader} --seed {self.seed} "
            f"--first {self.number} --executions 1"
        )


@dataclasses.dataclass
class Summary:
    """Counts of executions.

    Attributes:
        counts: Number of executions by result: `"ok"`, the name of the type
            of an accepted error, or `"finding"`.
        findings: The first finding of each kind.
        kinds: Number of findings by kind.
    """

    counts: collections.Counter[str]
    findings: list[Finding]
    kinds: collections.Counter[str]

    def add(self, other: "Summary") -> None:
        """Add the counts of more executions."""
        known = {finding.kind for finding in self.findings}
        self.findings += [x for x in other.findings if x.kind not in known]
        self.counts += other.counts
        self.kinds += other.kinds


def empty_summary() -> Summary:
    """Return a summary of no executions."""
    return Summary(collections.Counter(), [], collections.Counter())


def files_of(target: Target, seed: int, number: int) -> Files:
    """Return the files of an execution; number 0 is a valid data set."""
    rng = random.Random(f"{target.name}/{seed}/{number}")
    files = target.make_seed(rng)
    return mutate(files, rng, target.image_weight) if number else files


def execute_range(
    target: Target, seed: int, numbers: Iterator[int] | range
) -> Summary:
    """Execute a target in this process.

    Args:
        target: A `Target`.
        seed: Integer, seed of all executions.
        numbers: The numbers of the executions.

    Returns:
        A `Summary`.
    """
    summary = empty_summary()
    workspace = Workspace(seeds.picture())
    previous = tempfile.tempdir
    tempfile.tempdir = str(workspace.temporary)
    try:
        with warnings.catch_warnings(), _limits():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            _warm_up(target, seed, workspace)
            for number in numbers:
                workspace.write(files_of(target, seed, number))
                result, finding = _execute(target, seed, number, workspace)
                summary.counts[result] += 1
                if finding is not None:
                    summary.kinds[finding.kind] += 1
                    if summary.kinds[finding.kind] == 1:
                        summary.findings.append(finding)
    finally:
        tempfile.tempdir = previous
        workspace.remove()
    return summary


def _warm_up(target: Target, seed: int, workspace: Workspace) -> None:
    """Read valid files, so that imports do not count as memory and time."""
    for _ in range(2):
        workspace.write(files_of(target, seed, 0))
        target.run(workspace.folder)


class _limits:
    """Limits of the address space and of time, restored at the end."""

    def __enter__(self) -> None:
        self._space = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, self._space[1]))
        self._handlers = {
            number: signal.signal(number, _interrupt)
            for number in (signal.SIGALRM, signal.SIGPROF)
        }

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self._space)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: object) -> None:
    name = "waits" if number == signal.SIGALRM else "computes"
    raise Interrupted(f"{name} too long")


def _execute(
    target: Target, seed: int, number: int, workspace: Workspace
) -> tuple[str, Finding | None]:
    memory = start_of_growth()
    start = time.process_time()
    result, kind, details = "ok", "", ""
    WATCH.start(workspace)
    signal.setitimer(signal.ITIMER_REAL, MAX_WAIT)
    signal.setitimer(signal.ITIMER_PROF, 2 * target.max_seconds)
    try:
        target.run(workspace.folder)
    except (Exception, Interrupted) as e:
        kind, details = _problem(e, target, workspace)
        accepted = (x for x in target.errors if isinstance(e, x))
        result = next(accepted, Exception).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        WATCH.stop()
    seconds = time.process_time() - start
    growth = peak() - memory
    places = [x for x in WATCH.found if not x.startswith("read")]
    if not target.may_read_outside:
        places = WATCH.found
    if not kind and seconds > target.max_seconds:
        kind, details = "slow", f"{seconds:.1f} s"
    elif not kind and growth > target.max_megabytes * 1024:
        kind, details = "memory", f"{growth // 1024} MB"
    elif not kind and places:
        kind, details = "outside the folder", "; ".join(places)[:1000]
    if target.module:
        workspace.clear_temporary()
    if not kind:
        return result, None
    return "finding", Finding(target.name, seed, number, kind, details)


def _problem(
    error: BaseException, target: Target, workspace: Workspace
) -> tuple[str, str]:
    """What is wrong with an error, `""` if nothing is."""
    message = str(error)
    place = _place(error)
    details = f"{type(error).__name__}: {message[:300]!r}\n{_trace(error)}"
    if isinstance(error, UnexpectedContentError):
        cause = error.__cause__
        kind = f"net: {type(cause).__name__} {_place(cause or error)}"
        return kind, details + _trace(cause or error)
    if not isinstance(error, target.errors):
        return f"{type(error).__name__} {place}", details
    if len(message.encode("utf-8", "replace")) > MAX_MESSAGE:
        return f"long message {place}", details
    names = [path.name for path in workspace.folder.iterdir()]
    if not any(x in message for x in (str(workspace.folder), *names)):
        return f"message without a file {place}", details
    return "", ""


def _place(error: BaseException) -> str:
    """File and line of the innermost call in the package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [x for x in frames if "keras_efficient" in x.filename]
    frame = (own or frames)[-1]
    return f"{pathlib.Path(frame.filename).name}:{frame.lineno}"


def _trace(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return "".join(
        f"  {pathlib.Path(x.filename).name}:{x.lineno} {x.line}\n"
        for x in frames
    )
