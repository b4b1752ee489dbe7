"""SIGTERM and SIGINT end a standing exporter, SIGHUP has it read its files again; none is lost, whenever it comes.

Python writes the number of each signal into a socket, whatever handler is set at that moment: while a worker is being ended
its supervisor sets one of its own. The handlers here only interrupt what may be interrupted.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from collections.abc import Callable
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)
_RELOADING = getattr(signal, "SIGHUP", None)  # not on Windows


class Signals:
    """A context manager, in the main thread only."""

    def __init__(self) -> None:
        self._stopping = False
        self._reload = False
        self._may_raise = False
        self._raised = False

    def __enter__(self) -> Signals:
        self._closing = contextlib.ExitStack()
        self._read, write = socket.socketpair()
        for end in (self._read, write):
            end.setblocking(False)
            self._closing.enter_context(end)
        before = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        self._closing.callback(signal.set_wakeup_fd, before)
        for number in (*_ENDING, *([_RELOADING] if _RELOADING else [])):
            self._closing.callback(signal.signal, number, signal.signal(number, self._handle))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number in _ENDING:
            self._stopping = True
            if self._may_raise and not self._raised:
                self._raised = True
                raise KeyboardInterrupt

    @property
    def stopping(self) -> bool:
        """Whether to end."""
        self._drain()
        return self._stopping

    def reload(self) -> bool:
        """Whether to read the files again, since this was last asked."""
        self._drain()
        asked, self._reload = self._reload, False
        return asked

    def wait(self, seconds: float) -> None:
        """Until a signal comes, but no longer than this."""
        if not self._stopping and not self._reload:
            select.select([self._read], [], [], max(0.0, seconds))
        self._drain()

    def interruptible(self, call: Callable[[], None]) -> bool:
        """Call, unless it is time to end; whether the call came to its end. The first signal to end raises
        ``KeyboardInterrupt`` in it.
        """
        try:
            try:
                self._may_raise = True
                if self.stopping:
                    return False
                call()
            finally:
                self._may_raise = False
        except KeyboardInterrupt:
            self._stopping = True
            return False
        return True

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while numbers := self._read.recv(4096):
                self._stopping = self._stopping or any(number in numbers for number in _ENDING)
                self._reload = self._reload or (_RELOADING is not None and _RELOADING in numbers)
