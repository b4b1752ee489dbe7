"""Starts the worker, reads to a deadline, ends its processes. A crash is an outcome, not an exception."""

from otel_memeval.supervisor.process import Ended, WorkerProcess, WorkerSettings

__all__ = ["Ended", "WorkerProcess", "WorkerSettings"]
