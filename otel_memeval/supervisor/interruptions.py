"""Defer SIGINT and SIGTERM during steps that must not be left half done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def deferred() -> Iterator[list[int]]:
    """Collect interruptions instead of raising them: inside the block each adds its signal number to the list.

    Has an effect in the main thread only, as signals have.
    """
    numbers: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):  # neither ignored nor the system's own
                before[number] = signal.signal(number, lambda number, _: numbers.append(number))
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Run the block to its end; a SIGINT or SIGTERM that arrives meanwhile is raised afterwards."""
    numbers: list[int] = []
    try:
        with deferred() as numbers:
            yield
    finally:
        for number in numbers[:1]:
            signal.raise_signal(number)
