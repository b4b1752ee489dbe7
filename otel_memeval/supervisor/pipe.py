"""Wait for data in a pipe on every platform: Windows has no ``select`` for pipes."""

from __future__ import annotations

import selectors
import sys
import time

if sys.platform == "win32":
    import _winapi
    import msvcrt

_PEEK_SECONDS = 0.005


def readable(descriptor: int, seconds: float) -> bool:
    """Return whether the pipe has data, or has ended, within ``seconds`` (0: now)."""
    if sys.platform == "win32":
        deadline = time.monotonic() + seconds
        handle = msvcrt.get_osfhandle(descriptor)
        while True:
            try:
                if _winapi.PeekNamedPipe(handle, 0)[0]:
                    return True
            except BrokenPipeError:  # ended: reading says so
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PEEK_SECONDS)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(seconds))
