"""The largest memory of this process since a point in time."""

import contextlib
import pathlib
import re
import resource

PROCESS = pathlib.Path("/proc/self")


def start_of_growth() -> int:
    """Let the peak begin anew, and return the memory in kilobytes.

    Where the system cannot do so, the peak is that of the whole process, and
    growth is only seen beyond it.
    """
    with contextlib.suppress(OSError):
        (PROCESS / "clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Return the largest memory since `start_of_growth`, in kilobytes."""
    with contextlib.suppress(OSError):
        text = (PROCESS / "status").read_text()
        match = re.search(r"VmHWM:\s*(\d+) kB", text)
        if match:
            return int(match[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
