"""Processes that a scenario leaves behind: found and ended, however they detached themselves.

On Linux this process becomes the parent of orphans below it (``PR_SET_CHILD_SUBREAPER``), so that a double fork or a new
session does not hide one. Each is known by the run's mark in its environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator

from otel_memeval.supervisor.environment import RUN_MARK

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Within this block, orphaned descendants become this process' children."""
    if not sys.platform.startswith("linux"):
        yield
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    before = ctypes.c_int(0)
    prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def _marked(process: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def _children_of_this_process() -> dict[int, str]:
    """Process id and state of each child, zombies included."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid():
            children[int(name)] = state
    return children


def left_behind(run_id: str, known: frozenset[int]) -> list[int]:
    """Living descendants of the run whose parents are gone."""
    mark = f"{RUN_MARK}={run_id}".encode()
    return [
        process
        for process, state in _children_of_this_process().items()
        if process not in known and state != "Z" and _marked(process, mark)
    ]


def _reap(processes: set[int]) -> None:
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def end_left_behind(run_id: str, known: frozenset[int], grace_seconds: float = 5.0) -> int:
    """Ask every process that the run left behind to end, and make it after ``grace_seconds``; how many there were.

    The grace is for helpers of the scenario, such as a database in a temporary directory, that clean up on SIGTERM.
    """
    if not sys.platform.startswith("linux"):
        return 0
    seen: set[int] = set()
    asked: set[int] = set()
    deadline = time.monotonic() + grace_seconds
    while True:
        # Again each time: a process that ends hands its own children on.
        living = left_behind(run_id, known)
        seen.update(living)
        last_call = time.monotonic() >= deadline
        for process in living:
            if last_call or process not in asked:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL if last_call else signal.SIGTERM)
                asked.add(process)
        _reap(seen)
        if not living or time.monotonic() >= deadline + 2:
            return len(seen)
        time.sleep(0.02)
