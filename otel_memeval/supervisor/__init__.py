"""Starts the worker, reads to a deadline, ends its processes. A crash is an outcome, not an exception."""

from otel_memeval.supervisor.interruptions import whole
from otel_memeval.supervisor.worker_process import WORKER_FOLDER, Ended, WorkerProcess, WorkerSettings

__all__ = ["WORKER_FOLDER", "Ended", "WorkerProcess", "WorkerSettings", "whole"]
