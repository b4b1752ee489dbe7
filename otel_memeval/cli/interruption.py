"""Ctrl-C and SIGTERM once there is something to report; until then ``__main__`` ends the program at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Interruptions:
    """The signals that have interrupted a command, and whether one more raises ``KeyboardInterrupt``.

    The first one raises. Later ones do not: they would interrupt the report, a file that is being written, or the handling
    of the first one. ``raises_always`` is for a scenario in this process, which may catch the exception and go on.
    """

    def __init__(self, *, raises_always: bool = False) -> None:
        self.numbers: list[int] = []
        self._raises_always = raises_always
        self._is_deferred = False

    def handle(self, number: int, _: object) -> None:
        """Note a signal, and raise ``KeyboardInterrupt`` where it may."""
        self.numbers.append(number)
        if not self._is_deferred and (self._raises_always or len(self.numbers) == 1):
            raise KeyboardInterrupt

    def defer(self) -> None:
        """From now on no signal raises: what remains is short, or looks at ``numbers`` itself."""
        self._is_deferred = True

    def __bool__(self) -> bool:
        return bool(self.numbers)


@contextmanager
def interruptible(*, raises_always: bool = False) -> Iterator[Interruptions]:
    """Raise ``KeyboardInterrupt`` on SIGINT and SIGTERM in this block, so that the iterations so far are reported."""
    interruptions = Interruptions(raises_always=raises_always)
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interruptions.handle)}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interruptions.handle)
    try:
        yield interruptions
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
