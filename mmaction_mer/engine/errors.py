"""The one error class of runs."""


class MERRunError(RuntimeError):
    """A run that cannot start or go on; the message says what to do about it."""
