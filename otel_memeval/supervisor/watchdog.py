"""A small process that ends the processes of a run if the tool is killed before it can end them itself.

The kernel ends the worker together with the tool, but not the processes that the worker started. Standard library only,
started by path: ``PYTHON -I -S watchdog.py PIPE MARK``. The pipe carries the worker's process id and at last ``end``; if
the pipe ends without that word, the tool is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

END = "end"

_GRACE_SECONDS = 1.0
_LONGEST_SECONDS = 10.0


def is_of_run(process: int, mark: bytes, session: int) -> bool:
    """Return whether a living process has the run's mark in its environment or is in the worker's session."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            state, _, _, its_session = file.read().rpartition(")")[2].split()[:4]
        if state == "Z":
            return False
        if session and int(its_session) == session:
            return True
        with open(f"/proc/{process}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:  # gone, or another user's
        return False


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def end_all(mark: bytes, session: int) -> None:
    """End all processes of the run: SIGTERM first, SIGKILL after a grace period."""
    start = time.monotonic()
    asked: set[int] = set()
    while True:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        living = [process for process in processes if is_of_run(process, mark, session)]
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
    with open(int(sys.argv[1]), encoding="ascii") as pipe:
        words = pipe.read().split()
    if END not in words:
        end_all(sys.argv[2].encode(), int(words[0]) if words else 0)


if __name__ == "__main__":
    main()
