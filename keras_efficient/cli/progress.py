"""The bar that shows how far a command is."""

import sys
from collections.abc import Iterable
from collections.abc import Iterator

import rich.console
import rich.progress


def new_progress() -> rich.progress.Progress:
    """A bar with count, speed and remaining time; none but on a terminal.

    Returns:
        A `rich.progress.Progress` on the standard error stream.
    """
    console = rich.console.Console(stderr=True)
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TextColumn("left"),
        rich.progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        # What goes into a file is not for the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )


def track(items: Iterable, total: int | None, description: str) -> Iterator:
    """Gives the items one by one, and shows how many there were.

    Args:
        items: What is to be counted.
        total: How many there will be; `None` where nobody knows.
        description: What is done, such as `"Detecting"`.

    Returns:
        An iterator over the items.
    """
    with new_progress() as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
