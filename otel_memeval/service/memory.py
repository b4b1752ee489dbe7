"""Memory that a round took and nobody holds any longer, given back to the system.

Every thread of a run allocates in an arena of its own, and glibc keeps what is freed there for the next one: over months
some megabytes that are nobody's.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys


def give_back() -> None:
    """Takes some milliseconds; does nothing where the C library cannot."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
