"""Find and end the processes that a scenario leaves behind, however they detached themselves.

On Linux this process becomes the parent of orphans below it (``PR_SET_CHILD_SUBREAPER``), so that a double fork, a new
session or an empty environment does not hide one: each child that this process gets during the run and did not start
belongs to the run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator

from otel_memeval.supervisor import watchdog as watchdog
from otel_memeval.supervisor.environment import RUN_MARK

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

_GRACE_SECONDS = 5.0
_SHORT_GRACE_SECONDS = 0.5


@contextlib.contextmanager
def adopting_orphans() -> Iterator[frozenset[int]]:
    """Make orphaned descendants children of this process inside the block; the value is the ids of its children so far."""
    if not sys.platform.startswith("linux"):
        yield frozenset()
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    before = ctypes.c_int(0)
    prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield frozenset(_children_of_this_process())
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


class Watchdog:
    """Starts and stops the watchdog process of a run; on Linux only, elsewhere it does nothing."""

    def __init__(self, run_id: str, others: Collection[int]) -> None:
        """Start it. ``others``: children of this process from before the run."""
        self._process: subprocess.Popen[bytes] | None = None
        if not sys.platform.startswith("linux"):
            return
        read, self._pipe = os.pipe()
        mark = f"{RUN_MARK}={run_id}"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", watchdog.__file__, str(read), mark, *map(str, others)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=os.sep,
                pass_fds=[read],
                start_new_session=True,
            )
        except OSError:  # no process can be started: the worker cannot either, and its error says so
            os.close(self._pipe)
        finally:
            os.close(read)

    @property
    def process_id(self) -> int:
        """The id of the watchdog process; 0 without one."""
        return 0 if self._process is None else self._process.pid

    def watch(self, worker: int) -> None:
        """Name the process that leads the session which has to end with this process."""
        self._say(str(worker))

    def dismiss(self) -> None:
        """End the watchdog: every process of the run has ended."""
        if self._process is not None:
            self._say(watchdog.END)
            os.close(self._pipe)
            self._process.wait()
            self._process = None

    def _say(self, word: str) -> None:
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, f"{word}\n".encode())


def _children_of_this_process() -> list[int]:
    children = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = file.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            children.append(int(name))
    return children


def left_behind(others: Collection[int]) -> list[int]:
    """Return the ids of living children of this process, without the ``others``; those that have ended are reaped."""
    children = [process for process in _children_of_this_process() if process not in others]
    _reap(children)
    return [process for process in children if not watchdog.has_ended(process)]


def _reap(processes: Collection[int]) -> None:
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def end_left_behind(others: Collection[int], interruptions: Collection[int]) -> int:
    """End every process that the run left behind, SIGTERM first, SIGKILL after a grace period; return their number.

    ``others`` are the children of this process that do not belong to what the run left behind.
    The grace period is for services of the scenario, such as a database in a temporary directory, that clean up on SIGTERM.
    It is shorter once ``interruptions`` is not empty.
    """
    if not sys.platform.startswith("linux"):
        return 0
    seen: set[int] = set()
    asked: set[int] = set()
    start = time.monotonic()
    while True:
        # Looked up again each time: the children of a process that ends become children of this process.
        # Twice, because a process that starts another and ends while /proc is read may hide both.
        living = left_behind(others) or left_behind(others)
        seen.update(living)
        deadline = start + (_SHORT_GRACE_SECONDS if interruptions else _GRACE_SECONDS)
        last_call = time.monotonic() >= deadline
        for process in living:
            if last_call or process not in asked:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL if last_call else signal.SIGTERM)
                asked.add(process)
        if not living or time.monotonic() >= deadline + 2:
            return len(seen)
        time.sleep(0.02)
