"""Errors that are specific to exports."""


class ExportMismatchError(RuntimeError):
    """An exported model returns other results than the model it comes from."""


class ExportProcessError(RuntimeError):
    """The process that writes an export ended before it was finished."""
