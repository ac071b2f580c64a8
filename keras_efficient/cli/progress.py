"""Progress bars of the commands."""

import sys
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress


def new_progress() -> "rich.progress.Progress":
    """Return a bar with count and remaining time, shown on terminals only.

    Returns:
        A `rich.progress.Progress` on the standard error stream.
    """
    import rich.console
    import rich.progress

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
        # Redirected output does not belong on the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )


def track(items: Iterable, total: int | None, description: str) -> Iterator:
    """Iterate over items with a progress bar.

    Args:
        items: Iterable of any items.
        total: Number of items, or `None` if it is unknown.
        description: Text before the bar, such as `"Detecting"`.

    Yields:
        The items.
    """
    with new_progress() as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)
