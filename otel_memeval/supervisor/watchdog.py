"""A small process that ends the processes of a run if the tool is killed before it can end them itself.

The kernel stops the worker when the tool ends (``worker/serve.py``): so the processes below it keep their parents, and are
found here. Standard library only, started by path: ``PYTHON -I -S watchdog.py PIPE MARK OTHERS...`` with the ids of the
tool's children from before the run. The pipe carries the worker's process id and at last ``end``; if it ends without that
word, the tool is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable

END = "end"

_GRACE_SECONDS = 1.0
_LONGEST_SECONDS = 10.0

LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
"""Whether the kernel lists the children of a process (``CONFIG_PROC_CHILDREN``)."""

_LOOK_SECONDS = 0.025 if LISTS_CHILDREN else 0.5
"""Interval at which processes of the run are noted; it takes 0.3 ms. A process that has lost its parents, the mark and the
session is found if it did so earlier than that before the tool was killed."""

Process = tuple[int, int]
"""Id and time of the start in clock ticks: ids are used again."""


class Stat:
    """The fields of ``/proc/PID/stat`` that are used; raises ``OSError`` if the process is gone (proc(5))."""

    __slots__ = ("parent", "session", "started", "state")

    def __init__(self, process: int) -> None:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        if not fields:  # it ended while its file was open
            raise ProcessLookupError(process)
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


def _children() -> Callable[[int], list[int]]:
    """Return a function that returns the ids of the children of a process, from the kernel's own lists where it has them."""
    if LISTS_CHILDREN:
        return _listed_children
    by_parent: dict[int, list[int]] = {}
    for process, stat in _processes().items():
        by_parent.setdefault(stat.parent, []).append(process)
    return lambda parent: by_parent.get(parent, [])


def _listed_children(parent: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):  # it has ended
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    return found


def descendants(of: Iterable[int], without: Collection[int] = ()) -> set[Process]:
    """Return the children of the processes, their children, and so on, but for the processes ``without`` and those below."""
    children = _children()
    found: dict[int, int] = {}
    waiting = list(of)
    while waiting:
        for child in children(waiting.pop()):
            if child not in found and child not in without:
                with contextlib.suppress(OSError):
                    found[child] = Stat(child).started
                    waiting.append(child)
    return set(found.items())


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


def end_all(mark: bytes, worker: int, seen: set[Process]) -> None:
    """End all processes of the run: the stopped worker at once, the others by SIGTERM, after a grace period by SIGKILL."""
    start = time.monotonic()
    asked: set[int] = set()
    while True:
        living = _of_run(mark, worker, seen) or _of_run(mark, worker, seen)  # one that starts another and ends may hide both
        seen |= descendants(living)  # before one of them ends, and its children get another parent
        passed = time.monotonic() - start
        if not living or passed > _LONGEST_SECONDS:
            return
        for process in living:
            if process == worker or passed > _GRACE_SECONDS:
                _signal(process, signal.SIGKILL)
            elif process not in asked:
                _signal(process, signal.SIGTERM)
                asked.add(process)
        time.sleep(0.02)


def main() -> None:
    """Wait for the end of the pipe, and end the run if the tool is gone."""
    pipe, text, seen, tool = int(sys.argv[1]), b"", set[Process](), os.getppid()
    others = {os.getpid(), *map(int, sys.argv[3:])}
    while True:
        words = text.decode("ascii").split()
        worker = int(words[0]) if words and words[0] != END else 0
        if select.select([pipe], [], [], _LOOK_SECONDS if worker else None)[0]:
            block = os.read(pipe, 4096)
            text += block
            if not block:
                break
        else:
            seen |= descendants([tool], others)
    if END not in words:
        end_all(sys.argv[2].encode(), worker, seen)


if __name__ == "__main__":
    main()
