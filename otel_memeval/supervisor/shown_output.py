"""Show output of the scenario while it runs, without letting the scenario wait for whoever reads it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MAX_WAITING_BYTES = 1 << 20
"""Output that waits to be shown: some ten thousand lines, more than anybody reads at once."""


class ShownOutput:
    """Calls ``show`` with lines in a thread of its own. What comes faster than they can be shown is left out and counted."""

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self._show = show
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._left_out_lines = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="memeval-shown-output", daemon=True)
        self._thread.start()

    def add(self, lines: bytes) -> None:
        """Take complete lines, or leave them out if too many wait."""
        with self._changed:
            if self._waiting_bytes + len(lines) > MAX_WAITING_BYTES and self._waiting:
                self._left_out_lines += max(1, lines.count(b"\n"))
                return
            self._note_left_out()
            self._append(lines)

    def finish(self, timeout_seconds: float) -> None:
        """Wait up to the time limit until everything is shown, then show nothing more."""
        with self._changed:
            self._note_left_out()
            self._is_over = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def _note_left_out(self) -> None:
        if self._left_out_lines:
            lines = f"otel-memeval: {self._left_out_lines} lines were left out, they came faster than they could be shown\n"
            self._left_out_lines = 0
            self._append(lines.encode())

    def _append(self, lines: bytes) -> None:
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                if not self._waiting:
                    return
                lines = self._waiting[0]
            self._show(lines)
            with self._changed:
                self._waiting_bytes -= len(self._waiting.popleft())
