"""Handle the signals of the service: SIGTERM and SIGINT stop it, SIGHUP makes it read its files again.

Python writes the number of each signal into a socket, whatever handler is set at that moment: the supervisor sets a handler
of its own while it ends a worker. The handlers here only interrupt calls that may be interrupted.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_RELOADING = getattr(signal, "SIGHUP", None)  # not on Windows


class Signals:
    """The signals that have come; a context manager, in the main thread only."""

    def __init__(self) -> None:
        self._stopping = False
        self._reload = False
        self._may_raise = False
        self._raised = False
        self._closing = contextlib.ExitStack()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
            self._closing.enter_context(end)

    def __enter__(self) -> Signals:
        before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._closing.callback(signal.set_wakeup_fd, before)
        for number in (*_STOPPING, *([_RELOADING] if _RELOADING else [])):
            self._closing.callback(signal.signal, number, signal.signal(number, self._handle))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number in _STOPPING:
            self._stopping = True
            if self._may_raise and not self._raised:
                self._raised = True
                raise KeyboardInterrupt

    @property
    def stopping(self) -> bool:
        """Whether the service has to stop."""
        self._read()
        return self._stopping

    def take_reload(self) -> bool:
        """Return whether SIGHUP has come since the last call."""
        self._read()
        reload, self._reload = self._reload, False
        return reload

    def wait(self, seconds: float) -> None:
        """Wait for a signal, at most for this time."""
        if not self._stopping and not self._reload:
            select.select([self._reader], [], [], max(0.0, seconds))
        self._read()

    def interruptible(self, call: Callable[[], None]) -> bool:
        """Call unless the service has to stop, and return whether the call came to its end.

        The first signal to stop raises ``KeyboardInterrupt`` inside the call.
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

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay the ``KeyboardInterrupt`` of a signal to the end of the block: what belongs together is kept together."""
        might_raise, self._may_raise = self._may_raise, False
        try:
            yield
        finally:
            self._may_raise = might_raise
        if might_raise and self.stopping and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while numbers := self._reader.recv(4096):
                self._stopping = self._stopping or any(number in numbers for number in _STOPPING)
                self._reload = self._reload or (_RELOADING is not None and _RELOADING in numbers)
