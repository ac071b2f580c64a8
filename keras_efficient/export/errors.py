"""Errors that are specific to exports."""


class ExportMismatchError(RuntimeError):
    """An exported model returns other results than the model it comes from."""
