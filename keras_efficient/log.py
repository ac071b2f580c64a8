"""Progress and results of library functions, through the `logging` module.

Messages at level INFO appear on standard output unless the application
configures logging itself. To silence them, call
`logging.getLogger("keras_efficient").setLevel(logging.WARNING)`.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator

_ROOT = "keras_efficient"


class _StandardOutput(logging.Handler):
    """Writes messages to `sys.stdout` if nothing else handles them."""

    def emit(self, record: logging.LogRecord) -> None:
        # An application that configured the root logger gets the message
        # there, by propagation.
        is_alone = not logging.getLogger(_ROOT).propagate
        if is_alone or not logging.getLogger().handlers:
            print(self.format(record), file=sys.stdout, flush=True)


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, whose INFO messages are visible.

    Args:
        name: `__name__` of the module.

    Returns:
        A `logging.Logger` below `"keras_efficient"`.

    Example:
    >>> from keras_efficient.log import get_logger
    >>> get_logger("keras_efficient.export").name
    'keras_efficient.export'
    """
    package = logging.getLogger(_ROOT)
    if package.level == logging.NOTSET:
        package.setLevel(logging.INFO)
    if not package.handlers:
        package.addHandler(_StandardOutput())
    return logging.getLogger(name)


@contextlib.contextmanager
def standard_output_only() -> Iterator[None]:
    """Print messages on standard output whatever other libraries configure.

    For programs: several libraries add handlers to the root logger when they
    are imported, which would print messages with a prefix.
    """
    package = get_logger(_ROOT)
    propagate = package.propagate
    package.propagate = False
    try:
        yield
    finally:
        package.propagate = propagate
