"""What the scenario prints: read as fast as it comes, the end of it kept, a gigabyte held to a few kilobytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import BinaryIO

KEPT_BYTES = 64 * 1024
_BLOCK = 65536


class Output:
    """Drains one stream in a thread of its own until it ends; ``passed_on_to`` gets everything as it comes."""

    def __init__(self, stream: BinaryIO, passed_on_to: BinaryIO | None = None) -> None:
        self._stream = stream
        self._passed_on_to = passed_on_to
        self._blocks: deque[bytes] = deque()
        self._kept_bytes = 0
        self.total_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="memeval-output", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while True:
            try:
                block = self._stream.read1(_BLOCK)  # type: ignore[attr-defined]
            except (OSError, ValueError):  # closed under us
                return
            if not block:
                return
            with self._lock:
                self.total_bytes += len(block)
                self._blocks.append(block)
                self._kept_bytes += len(block)
                while self._kept_bytes - len(self._blocks[0]) >= KEPT_BYTES:
                    self._kept_bytes -= len(self._blocks.popleft())
            if self._passed_on_to is not None:
                self._passed_on_to.write(block)
                self._passed_on_to.flush()

    def finish(self, timeout_seconds: float) -> None:
        """Wait for the end of the stream, but no longer than this: a process that got away may hold it open."""
        self._thread.join(timeout_seconds)

    def tail(self) -> str:
        """The last ``KEPT_BYTES`` as text."""
        with self._lock:
            kept = b"".join(self._blocks)[-KEPT_BYTES:]
        return kept.decode("utf-8", "replace")
