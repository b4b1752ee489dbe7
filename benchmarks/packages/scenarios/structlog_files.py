"""A log file for each task: the lock of each file kept the file."""

import io

import structlog


def run() -> None:
    """Run ten tasks, each with a log file."""
    for _ in range(10):
        structlog.WriteLogger(io.StringIO()).info("done")
