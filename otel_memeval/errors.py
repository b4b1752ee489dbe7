"""Errors of the tool. Every message has the problem, its place, and a remedy."""


class MemevalError(Exception):
    """Base class of the errors that this tool raises on purpose.

    ``str(error)`` is one line: the problem with its place, then the remedy.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(MemevalError):
    """An option or a value is not usable: exit status 2."""


class TargetError(MemevalError):
    """The scenario cannot be loaded, or has no eval to measure: exit status 2."""


class WorkerError(MemevalError):
    """The worker process could not be started, or sent a message that is not part of the protocol."""


class HistoryError(MemevalError):
    """The history cannot be read or written; a run is reported all the same."""
