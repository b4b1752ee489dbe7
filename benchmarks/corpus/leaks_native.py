"""Leaks that Python's allocators do not see, or that no container holds: C heap, mapped memory, reference counts."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import socket
import sqlite3
import ssl
import tempfile
import threading
from pathlib import Path

from benchmarks.corpus.ground import leak, seeded

CONNECTIONS: list[sqlite3.Connection] = []
MAPS: list[mmap.mmap] = []
SOCKETS: list[tuple[socket.socket, socket.socket]] = []
CONTEXTS: list[ssl.SSLContext] = []
POINTERS: list[int] = []
TEXT = b"x" * 200
_random = seeded()

_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]
_libc.strdup.restype = ctypes.c_void_p
_libc.strdup.argtypes = [ctypes.c_char_p]
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


def _malloc(size: int) -> int:
    address = int(_libc.malloc(size))
    _libc.memset(address, 1, size)
    return address


def _keep_for_ever(obj: object) -> None:
    """Add a reference, as a C extension does that forgets a ``Py_DECREF``."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(obj))


@leak(272, channel="c-heap", tolerance=0.1)
def malloc_256_bytes() -> None:
    """Allocate a small C block and never free it."""
    _malloc(256)


@leak(1_040, channel="c-heap", tolerance=0.1)
def malloc_1_kib() -> None:
    """Allocate a C block and never free it."""
    _malloc(1_024)


@leak(32_784, channel="c-heap")
def malloc_32_kib() -> None:
    """Allocate a larger C block and never free it."""
    _malloc(32_768)


@leak(1_052_672, channel="c-heap")
def malloc_1_mib() -> None:
    """Allocate a block that malloc maps and never free it."""
    _malloc(1_048_576)


@leak(None, channel="c-heap")
def malloc_random() -> None:
    """Allocate twenty blocks of 16 bytes to 8 KiB and free nineteen."""
    blocks = [_malloc(_random.randint(16, 8_192)) for _ in range(20)]
    for block in blocks[1:]:
        _libc.free(block)


@leak(224, channel="c-heap", tolerance=0.1)
def strdup() -> None:
    """Copy a string and never free it."""
    _libc.strdup(TEXT)


@leak(10_240, channel="c-heap", tolerance=0.15)
def malloc_every_third() -> None:
    """Leak 30 KiB on each third iteration."""
    POINTERS[:] = [len(POINTERS) and POINTERS[0] + 1]
    if POINTERS[0] % 3 == 0:
        _malloc(30_720)


@leak(32_939, "CONNECTIONS", channel="c-heap", tolerance=0.1)
def sqlite_connections() -> None:
    """Open connections and never close them."""
    connection = sqlite3.connect(":memory:")  # <- leak
    connection.execute("create table t (a)")
    CONNECTIONS.append(connection)  # <- leak


def _path() -> str:
    return str(Path(tempfile.gettempdir()) / f"memeval-corpus-{os.getpid()}.sqlite")


def _remove_database() -> None:
    with contextlib.suppress(OSError):
        Path(_path()).unlink()


@leak(None, channel="c-heap", teardown=_remove_database)
def sqlite_statements_lost() -> None:
    """Lose the last reference to a connection in C."""
    connection = sqlite3.connect(_path())
    connection.execute("create table if not exists t (a)")
    _keep_for_ever(connection)


@leak(65_536, "MAPS", channel="process", tolerance=0.15)
def mapped_and_held() -> None:
    """Keep anonymous maps in a list."""
    mapped = mmap.mmap(-1, 65_536)  # <- leak
    mapped.write(b"x" * 65_536)
    MAPS.append(mapped)  # <- leak


@leak(131_072, channel="process", tolerance=0.15)
def mapped_in_c() -> None:
    """Map anonymous memory in C code."""
    address = _libc.mmap(None, 131_072, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    _libc.memset(address, 1, 131_072)


STOP = threading.Event()


def _release_threads() -> None:
    STOP.set()


def _deep(depth: int) -> None:
    if depth:
        _deep(depth - 1)
    else:
        STOP.wait()


@leak(None, channel="process", teardown=_release_threads)
def thread_stacks() -> None:
    """Start threads that never end, each with a stack."""
    threading.Thread(target=_deep, args=(50,), daemon=True).start()  # <- leak


@leak(1_081)
def lost_reference() -> None:
    """Forget a ``Py_DECREF`` in a C extension: 1 KiB becomes unreachable."""
    _keep_for_ever(bytearray(1_024))  # <- leak


@leak(None)
def lost_reference_to_dict() -> None:
    """Forget a ``Py_DECREF`` of a container in a C extension."""
    _keep_for_ever({"role": "user", "content": bytes(512)})  # <- leak


@leak(None, "SOCKETS", channel="process")
def sockets_left_open() -> None:
    """Keep connections open: small in the process, larger in the kernel."""
    SOCKETS.append(socket.socketpair())  # <- leak


@leak(None, "CONTEXTS", channel="c-heap")
def ssl_contexts() -> None:
    """Make a TLS context per client and keep it."""
    CONTEXTS.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # <- leak
