"""Ctrl-C and SIGTERM once there is something to report; until then ``__main__`` ends the program at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Raise ``KeyboardInterrupt`` on SIGINT and SIGTERM in this block, so that the iterations so far are reported.

    The value is the list of the signals that have come: with ``--in-process`` the exception is raised in the scenario.
    """
    numbers: list[int] = []

    def interrupt(number: int, _: object) -> NoReturn:
        numbers.append(number)
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt)}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
