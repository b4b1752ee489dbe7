"""The error family. Every message says what happened, where, and what to do about it."""


class MemevalError(Exception):
    """Base of everything this tool raises on purpose.

    ``str(error)`` is one line for a person: what happened and where, then the remedy.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy


class UsageError(MemevalError):
    """An option or a number that cannot be used: exit status 2."""


class TargetError(MemevalError):
    """A scenario that cannot be loaded, or holds nothing to measure: exit status 2."""


class WorkerError(MemevalError):
    """The worker process could not be started, or said something that the wire does not know."""
