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
    """What a C extension does that forgets a Py_DECREF."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(obj))


@leak(272, channel="c-heap", tolerance=0.1)
def malloc_256_bytes() -> None:
    """A small block that C code never frees."""
    _malloc(256)


@leak(1_040, channel="c-heap", tolerance=0.1)
def malloc_1_kib() -> None:
    """A block that C code never frees."""
    _malloc(1_024)


@leak(32_784, channel="c-heap")
def malloc_32_kib() -> None:
    """A larger block that C code never frees."""
    _malloc(32_768)


@leak(1_052_672, channel="c-heap")
def malloc_1_mib() -> None:
    """One that malloc maps."""
    _malloc(1_048_576)


@leak(None, channel="c-heap")
def malloc_random() -> None:
    """Twenty blocks are taken, nineteen are given back, of 16 bytes to 8 KiB."""
    blocks = [_malloc(_random.randint(16, 8_192)) for _ in range(20)]
    for block in blocks[1:]:
        _libc.free(block)


@leak(224, channel="c-heap", tolerance=0.1)
def strdup() -> None:
    """A copied string."""
    _libc.strdup(TEXT)


@leak(10_240, channel="c-heap", tolerance=0.15)
def malloc_every_third() -> None:
    """30 KiB on each third iteration."""
    POINTERS[:] = [len(POINTERS) and POINTERS[0] + 1]
    if POINTERS[0] % 3 == 0:
        _malloc(30_720)


@leak(32_939, "CONNECTIONS", channel="c-heap", tolerance=0.1)
def sqlite_connections() -> None:
    """Connections that are never closed."""
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
    """A connection whose last reference went astray in C."""
    connection = sqlite3.connect(_path())
    connection.execute("create table if not exists t (a)")
    _keep_for_ever(connection)


@leak(65_536, "MAPS", channel="process", tolerance=0.15)
def mapped_and_held() -> None:
    """Anonymous maps in a list."""
    mapped = mmap.mmap(-1, 65_536)  # <- leak
    mapped.write(b"x" * 65_536)
    MAPS.append(mapped)  # <- leak


@leak(131_072, channel="process", tolerance=0.15)
def mapped_in_c() -> None:
    """Anonymous maps made by C code."""
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
    """Threads that never end, each with a stack."""
    threading.Thread(target=_deep, args=(50,), daemon=True).start()  # <- leak


@leak(1_081)
def lost_reference() -> None:
    """A C extension that forgets a Py_DECREF: 1 KiB that nobody can reach."""
    _keep_for_ever(bytearray(1_024))  # <- leak


@leak(None)
def lost_reference_to_dict() -> None:
    """The same with a container."""
    _keep_for_ever({"role": "user", "content": bytes(512)})  # <- leak


@leak(None, "SOCKETS", channel="process")
def sockets_left_open() -> None:
    """Connections that are kept open: small here, larger in the kernel."""
    SOCKETS.append(socket.socketpair())  # <- leak


@leak(None, "CONTEXTS", channel="c-heap")
def ssl_contexts() -> None:
    """A TLS context per client."""
    CONTEXTS.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # <- leak
