"""A small process that ends the processes of a run if the tool is killed before it can end them itself.

The kernel ends the worker together with the tool, but not the processes that the worker started. Standard library only,
started by path: ``PYTHON -I -S watchdog.py PIPE MARK``. The pipe carries the worker's process id and at last ``end``; if
the pipe ends without that word, the tool is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

END = "end"

_GRACE_SECONDS = 1.0
_LONGEST_SECONDS = 10.0

_LOOK_SECONDS = 0.5
"""Interval at which descendants of the worker are noted: they may lose their parents, the mark and the session."""

Process = tuple[int, int]
"""Id and time of the start in clock ticks: ids are used again."""


class Stat:
    """The fields of ``/proc/PID/stat`` that are used; raises ``OSError`` if the process is gone (proc(5))."""

    __slots__ = ("parent", "session", "started", "state")

    def __init__(self, process: int) -> None:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        self.state, self.parent, self.session, self.started = fields[0], int(fields[1]), int(fields[3]), int(fields[19])


def has_ended(process: int) -> bool:
    """Return whether a process is gone, or has ended and was not reaped."""
    try:
        return Stat(process).state in "ZX"
    except OSError:
        return True


def _processes() -> dict[int, Stat]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                found[int(name)] = Stat(int(name))
    return found


def descendants(of: int) -> set[Process]:
    """Return the children of a process, their children, and so on."""
    processes = _processes()
    found = {of}
    while more := {process for process, stat in processes.items() if stat.parent in found} - found:
        found |= more
    return {(process, processes[process].started) for process in found - {of}}


def _is_marked(process: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def _of_run(mark: bytes, session: int, seen: set[Process]) -> list[int]:
    """Return the living processes with the run's mark in their environment, of the worker's session, or that were seen."""
    return [
        process
        for process, stat in _processes().items()
        if stat.state not in "ZX"
        and ((session and stat.session == session) or (process, stat.started) in seen or _is_marked(process, mark))
    ]


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def end_all(mark: bytes, session: int, seen: set[Process]) -> None:
    """End all processes of the run: SIGTERM first, SIGKILL after a grace period."""
    start = time.monotonic()
    asked: set[int] = set()
    while True:
        living = _of_run(mark, session, seen)
        passed = time.monotonic() - start
        if not living or passed > _LONGEST_SECONDS:
            return
        for process in living:
            if passed > _GRACE_SECONDS:
                _signal(process, signal.SIGKILL)
            elif process not in asked:
                _signal(process, signal.SIGTERM)
                asked.add(process)
        time.sleep(0.02)


def main() -> None:
    """Wait for the end of the pipe, and end the run if the tool is gone."""
    pipe, text, seen = int(sys.argv[1]), b"", set[Process]()
    while True:
        words = text.decode("ascii").split()
        worker = int(words[0]) if words and words[0] != END else 0
        if select.select([pipe], [], [], _LOOK_SECONDS if worker else None)[0]:
            block = os.read(pipe, 4096)
            text += block
            if not block:
                break
        else:
            seen |= descendants(worker)
    if END not in words:
        end_all(sys.argv[2].encode(), worker, seen)


if __name__ == "__main__":
    main()
