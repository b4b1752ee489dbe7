"""Scenarios that give back what they take from C: malloc'ed and mapped memory, connections, files."""

from __future__ import annotations

import ctypes
import mmap
import sqlite3
import tempfile

from benchmarks.corpus.ground import clean, seeded

_random = seeded()
_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]


@clean()
def malloc_and_free() -> None:
    """Allocate C memory and free it."""
    for block in [_libc.malloc(_random.randint(16, 100_000)) for _ in range(50)]:
        _libc.free(block)


@clean()
def malloc_of_varying_size() -> None:
    """Replace a C buffer by one of up to 256 KiB."""
    _libc.free(_held[0])
    _held[0] = int(_libc.malloc(_random.randint(16, 262_144)))


_held = [0]


@clean()
def ten_blocks_replaced() -> None:
    """Allocate C blocks of up to 3 KB, of random sizes, and free them in the next iteration."""
    for address in _blocks:
        _libc.free(address)
    _blocks[:] = [int(_libc.malloc(_random.randint(100, 3_000))) for _ in range(10)]


_blocks: list[int] = []


@clean()
def mapped_and_closed() -> None:
    """Map memory and unmap it."""
    with mmap.mmap(-1, 262_144) as mapped:
        mapped.write(b"x" * 262_144)


@clean()
def sqlite_closed() -> None:
    """Open connections and close them."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a)")
    connection.executemany("insert into t values (?)", [("x" * 100,)] * 200)
    connection.close()


@clean()
def temporary_file() -> None:
    """Write a file, read it and delete it."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(100_000))
        file.seek(0)
        file.read()
