"""Split the bytes of the worker's pipe into lines."""

from __future__ import annotations

from collections import deque

from otel_memeval.wire.decoder import ForeignMessage

MAX_LINE_BYTES = 64 << 20
"""Longest line: ten times that of a reading with 200,000 sites. A scenario that writes into the pipe may end no line."""


class LineBuffer:
    """Lines in the order in which they came; each block of bytes is searched once."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._unfinished: list[bytes] = []
        self._unfinished_bytes = 0

    def add(self, block: bytes) -> None:
        """Add the next bytes. Raises ``ForeignMessage`` for a line that is longer than ``MAX_LINE_BYTES``."""
        first, *others = block.split(b"\n")
        self._unfinished.append(first)
        self._unfinished_bytes += len(first)
        if self._unfinished_bytes > MAX_LINE_BYTES:
            raise ForeignMessage(f"a line of more than {MAX_LINE_BYTES >> 20} MiB")
        if others:
            self._lines.append(b"".join(self._unfinished))
            self._lines.extend(others[:-1])
            self._unfinished, self._unfinished_bytes = [others[-1]], len(others[-1])

    def take(self) -> bytes | None:
        """Return the next complete line without its end; None if there is none."""
        return self._lines.popleft() if self._lines else None
