"""Read the threads of this process: those of the system, and the ``threading.Thread`` of each that Python started."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable

from ..proc import HAS_PROC, read_file

_POOL_MODULE = "concurrent.futures.thread"


def native_threads() -> list[str]:
    """Return the ids of all threads, those of C libraries included, in the order in which they were started."""
    return os.listdir("/proc/self/task")


def python_threads() -> list[threading.Thread]:
    """Return the threads that Python started; without the lock of ``threading``, which the scenario may hold."""
    try:
        return list(threading._active.values())  # type: ignore[attr-defined]
    except RuntimeError:  # another thread changed the dict
        return threading.enumerate()


def count_threads() -> int:
    """Return the number of threads; elsewhere than on Linux without those of C libraries."""
    return len(native_threads()) if HAS_PROC else len(python_threads())


def count_pooled() -> int:
    """Return the number of threads in pools of ``concurrent.futures`` that are not the first of their pool.

    Such a pool starts threads up to its ``max_workers``, now and then, and reuses them. So its threads count as one.
    """
    module = sys.modules.get(_POOL_MODULE)
    if module is None:
        return 0
    pools = [pool for thread in python_threads() if (pool := _pool_of(thread, module._worker)) is not None]
    return len(pools) - len(set(pools))


def _pool_of(thread: threading.Thread, worker: object) -> int | None:
    """Return the id of the queue from which a thread of a pool takes its work; None for a thread without a pool."""
    attributes = thread.__dict__
    if attributes.get("_target") is not worker:
        return None
    queues = [argument for argument in attributes.get("_args", ()) if type(argument).__name__ == "SimpleQueue"]
    return id(queues[0]) if queues else None


def describe_threads(count: int) -> list[tuple[str, object]]:
    """Return the newest ``count`` threads in words, newest first, each with its ``Thread``; None for one of a C library."""
    by_id = {str(thread.native_id): thread for thread in python_threads() if thread.native_id is not None}
    ids: Iterable[str] = reversed(native_threads()) if HAS_PROC else reversed(by_id)
    described: list[tuple[str, object]] = []
    for identity in ids:
        thread = by_id.get(identity)
        if len(described) < count and thread is not threading.main_thread():
            described.append((_native_name(identity) if thread is None else _describe(thread), thread))
    return described


def _describe(thread: threading.Thread) -> str:
    """Return class and target of a thread: ``Thread of threading.Event.wait``."""
    kind = type(thread)
    name = kind.__qualname__ if kind.__module__ == "threading" else f"{kind.__module__}.{kind.__qualname__}"
    target = thread.__dict__.get("_target")
    return name if target is None else f"{name} of {qualified_name(target)}"


def qualified_name(function: object) -> str:
    """Return the module and the name of a function, method or partial, without its arguments."""
    function = getattr(function, "func", function)  # of a functools.partial
    function = getattr(function, "__func__", function)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if isinstance(module, str) and module != "__main__" else str(name)


def _native_name(identity: str) -> str:
    try:
        name = read_file(f"/proc/self/task/{identity}/comm").decode("utf-8", "replace").strip()
    except OSError:  # ended meanwhile
        name = ""
    return f"native thread {name}".strip()
