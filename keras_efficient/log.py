"""Progress and results of library functions, through the `logging` module.

Messages at level INFO appear on standard output unless the application
configures logging itself. To silence them, call
`logging.getLogger("keras_efficient").setLevel(logging.WARNING)`.
"""

import logging
import sys

_ROOT = "keras_efficient"


class _StandardOutput(logging.Handler):
    """Writes messages to `sys.stdout` if nothing else handles them."""

    def emit(self, record: logging.LogRecord) -> None:
        # An application that configured the root logger gets the message
        # there, by propagation.
        if not logging.getLogger().handlers:
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
