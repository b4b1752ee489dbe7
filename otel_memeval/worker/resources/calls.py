"""Record the calls that open files and start threads and processes, to find the line of a resource that no object owns.

Python raises an audit event for each such call (https://docs.python.org/3/library/audit_events.html). A hook stays until the
process ends, so it is added after the measured iterations only.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType

from .owners import Frames

_MOST_FRAMES = 60

_STARTS_PROCESS = ("os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen")
_STARTS_THREAD = ("_thread.start_new_thread", "_thread.start_joinable_thread")


class CallRecorder:
    """Records calls from its creation to ``stop()``. ``is_own`` returns whether a file is the tool's."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self._is_own = is_own
        self._files: Counter[tuple[str, Frames]] = Counter()
        self._processes: Counter[Frames] = Counter()
        self._threads: dict[int, Frames] = {}
        self._recording = True
        sys.addaudithook(self._hook)

    def stop(self) -> None:
        """Record no more calls."""
        self._recording = False

    def opened(self, path: str) -> Frames:
        """Return the stack that opened a file most often; empty if none did."""
        stacks = Counter({frames: count for (name, frames), count in self._files.items() if name == path})
        return max(stacks, key=stacks.__getitem__, default=())

    def started_thread(self, thread: object) -> Frames:
        """Return the stack that started a thread; empty if it was not recorded."""
        return self._threads.get(id(thread), ())

    def started_process(self) -> Frames:
        """Return the stack that started processes most often; empty if none did."""
        return max(self._processes, key=self._processes.__getitem__, default=())

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._recording:
            return
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            self._files[os.path.abspath(os.fsdecode(arguments[0])), self._stack()] += 1
        elif event in _STARTS_PROCESS:
            self._processes[self._stack()] += 1
        elif event in _STARTS_THREAD:
            thread = getattr(arguments[0], "__self__", None)
            self._threads[id(thread)] = self._stack()

    def _stack(self) -> Frames:
        """Return the frames of the call, without those of the tool."""
        frames: list[tuple[str, int]] = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and len(frames) < _MOST_FRAMES and not self._is_own(frame.f_code.co_filename):
            frames.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        return tuple(frames)
