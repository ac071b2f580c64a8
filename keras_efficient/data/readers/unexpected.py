"""The last resort for contents of files that no reader expects."""

import contextlib
from collections.abc import Iterator

# Characters of the original message.
MAX_SHOWN = 300
PROGRAMMING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
)


class UnexpectedContentError(ValueError):
    """Annotations have contents that their reader does not check."""


@contextlib.contextmanager
def named_errors(source: object) -> Iterator[None]:
    """Turn errors that only a defect explains into one that names the files.

    Readers check what they read, and say where it is wrong. What they
    overlook would otherwise be a traceback without the name of a file.

    Args:
        source: Path or description of the files.

    Raises:
        UnexpectedContentError: If the block raises an error of the types in
            `PROGRAMMING_ERRORS`.
    """
    try:
        yield
    except PROGRAMMING_ERRORS as e:
        reason = f"{type(e).__name__}: {e}"[:MAX_SHOWN]
        raise UnexpectedContentError(
            f"{source} has contents that its reader does not expect "
            f"({reason}). Check whether the file is complete and in the form "
            "that the documentation of the layout shows. If it is, please "
            "report this error, which should be more precise."
        ) from e
