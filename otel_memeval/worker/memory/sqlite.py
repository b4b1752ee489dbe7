"""Read the memory of SQLite, and the limit of the page caches of its open connections."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

KIB = 1024

DEFAULT_CACHE_BYTES = 2000 * KIB
"""Cache size of a connection that does not set its own (sqlite.org/pragma.html#pragma_cache_size)."""


class SqliteReader:
    """Reads the memory of the SQLite library that ``sqlite3`` uses, once that is imported."""

    def __init__(self) -> None:
        self._read: Callable[[], int] | None = None

    def used_bytes(self) -> int | None:
        """Return the bytes that SQLite has allocated; None while it is not in use, or does not count.

        Source: ``sqlite3_memory_used()`` (sqlite.org/c3ref/memory_highwater.html).
        """
        if self._read is None:
            extension = getattr(sys.modules.get("_sqlite3"), "__file__", None)
            if extension is None:
                return None
            try:
                read = ctypes.CDLL(extension).sqlite3_memory_used
            except (OSError, AttributeError):
                return None
            read.restype = ctypes.c_int64
            self._read = read
        return self._read()


def page_cache_limit() -> int | None:
    """Return the bytes that the page caches of all open connections may take; None if a database lies in memory.

    A connection of another thread, such as one of aiosqlite, cannot be asked: it counts with SQLite's default. One that is
    closed has no part in it.
    """
    connection_type = getattr(sys.modules.get("_sqlite3"), "Connection", None)
    if connection_type is None:
        return None
    limit = 0
    for connection in [item for item in gc.get_objects() if issubclass(type(item), connection_type)]:
        try:
            cursor = connection_type.cursor(connection)  # no code of a subclass
            cursor.row_factory = None
            if any(not file for _, name, file in cursor.execute("PRAGMA database_list") if name != "temp"):
                return None
            ((pages,),) = cursor.execute("PRAGMA cache_size")
            ((page_bytes,),) = cursor.execute("PRAGMA page_size")
            limit += -pages * KIB if pages < 0 else pages * page_bytes
        except Exception as error:
            limit += DEFAULT_CACHE_BYTES if "same thread" in str(error) else 0
    return limit or None
