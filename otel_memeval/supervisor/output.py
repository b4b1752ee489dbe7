"""Drain the output of the scenario as fast as it comes, and keep only the end of it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from otel_memeval.supervisor.pipe import readable

KEPT_BYTES = 64 * 1024
_BLOCK = 65536

_WAIT_SECONDS = 0.25
"""Time after which the thread asks again whether to go on."""


class Output:
    """Drains one stream in a thread of its own until the stream ends; ``pass_on`` gets all of it, in whole lines.

    The thread closes the stream: closing it elsewhere would wait for the end of the read, which may never come.
    """

    def __init__(self, stream: IO[bytes], pass_on: Callable[[bytes], None] | None = None) -> None:
        self._stream = stream
        self._pass_on = pass_on
        self._unfinished_line = b""
        self._blocks: deque[bytes] = deque()
        self._kept_bytes = 0
        self.total_bytes = 0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="memeval-output", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self._stream:
            self._drain_blocks()

    def _next_block(self) -> bytes:
        """Return the next output; nothing at the end of the stream, or if no more is wanted."""
        while not readable(self._stream.fileno(), _WAIT_SECONDS):
            if self._is_over.is_set():
                return b""
        return os.read(self._stream.fileno(), _BLOCK)

    def _drain_blocks(self) -> None:
        while True:
            block = self._next_block()
            if self._pass_on is not None:
                self._pass_on_lines(self._pass_on, block)
            if not block:
                return
            with self._lock:
                self.total_bytes += len(block)
                self._blocks.append(block)
                self._kept_bytes += len(block)
                while self._kept_bytes - len(self._blocks[0]) >= KEPT_BYTES:
                    self._kept_bytes -= len(self._blocks.popleft())

    def _pass_on_lines(self, pass_on: Callable[[bytes], None], block: bytes) -> None:
        """Pass on the complete lines; an empty block is the end of the stream and completes the last line."""
        lines, newline, rest = (self._unfinished_line + block).rpartition(b"\n")
        if not block or len(rest) > KEPT_BYTES:
            lines, newline, rest = lines + newline + rest, b"", b""
        self._unfinished_line = rest
        if lines or newline:
            pass_on(lines + newline)

    def wait(self, timeout_seconds: float) -> None:
        """Wait for the end of the stream up to the time limit: a process that got away may hold it open."""
        self._thread.join(timeout_seconds)

    def finish(self, timeout_seconds: float) -> None:
        """Wait for the end of the stream up to the time limit, then drain it no longer."""
        self.wait(timeout_seconds)
        self._is_over.set()

    def tail(self) -> str:
        """Return the last ``KEPT_BYTES`` as text: whole lines, the last one with a line end."""
        with self._lock:
            kept = b"".join(self._blocks)
            cut = len(kept) > KEPT_BYTES or self.total_bytes > len(kept)
        kept = kept[-KEPT_BYTES:]
        if cut and b"\n" in kept[:-1]:
            kept = kept.partition(b"\n")[2]
        text = kept.decode("utf-8", "replace")
        return text if not text or text.endswith("\n") else f"{text}\n"
