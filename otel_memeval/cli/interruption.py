"""Ctrl-C and SIGTERM: they end the program at once until there is something to report, and interrupt a run then."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from otel_memeval.cli.exit_codes import INTERRUPTED


def leave_on_signal() -> None:
    """End this process with one line and status 130 on SIGINT and SIGTERM.

    While modules are imported, a ``KeyboardInterrupt`` would be shown as a traceback, or be lost in a callback of the import
    system. A signal that is ignored, as in a background job of a shell, stays ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _leave)


def _leave(*_: object) -> NoReturn:
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(INTERRUPTED)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` on SIGINT and SIGTERM in this block, so that the iterations so far are reported."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt)}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
