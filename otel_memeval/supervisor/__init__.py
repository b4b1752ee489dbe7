"""Starts the worker process, reads its messages up to a deadline, and ends its processes."""

from otel_memeval.supervisor.interruptions import uninterrupted
from otel_memeval.supervisor.start import WORKER_FOLDER
from otel_memeval.supervisor.worker_process import WorkerEnded, WorkerProcess, WorkerSettings

__all__ = ["WORKER_FOLDER", "WorkerEnded", "WorkerProcess", "WorkerSettings", "uninterrupted"]
