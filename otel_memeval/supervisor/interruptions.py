"""Ctrl-C and SIGTERM while something is done that must not be left half done: noted, and let through afterwards."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def deferred() -> Iterator[list[int]]:
    """Within this block an interruption only adds its number to the list. In the main thread only, as signals are."""
    noted: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):  # neither ignored nor the system's own
                before[number] = signal.signal(number, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """The block is done whole: who interrupts it does so at its end."""
    noted: list[int] = []
    try:
        with deferred() as noted:
            yield
    finally:
        for number in noted[:1]:
            signal.raise_signal(number)
