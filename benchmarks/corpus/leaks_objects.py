"""Leaks through features of Python: callbacks, handlers, exceptions, finalizers, generators, buffers of the library."""

from __future__ import annotations

import atexit
import contextvars
import copy
import heapq
import io
import json
import logging
import logging.handlers
import os
import queue
import sys
import threading
import traceback
import types
import warnings
import weakref
from collections.abc import Callable, Iterator

from benchmarks.corpus.ground import leak, seeded

KEPT: list[object] = []
CALLBACKS: list[Callable[[], int]] = []
ERRORS: list[BaseException] = []
GENERATORS: list[Iterator[int]] = []
INBOX: queue.Queue[bytes] = queue.Queue()
HEAP: list[tuple[int, bytes]] = []
OUTPUT = io.BytesIO()
CONTEXT = contextvars.copy_context()
TURNS: contextvars.ContextVar[tuple[object, ...]] = contextvars.ContextVar("turns", default=())
LOG = logging.getLogger("corpus")
AUDIT = logging.getLogger("corpus.audit")
_random = seeded()
_calls = 0


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


@leak(1_306, "CALLBACKS")
def closures() -> None:
    """Keep a callback that closes over a message."""
    payload = bytes(1_024)  # <- leak
    CALLBACKS.append(lambda: len(payload))


class Bus:
    """A bus that keeps all subscribers."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[Callable[[], None]]] = {"message": []}


class Widget:
    """A subscriber of the bus."""

    def __init__(self) -> None:
        self.state = bytearray(2_048)  # <- leak

    def on_message(self) -> None:
        """Ignore the message."""


BUS = Bus()


@leak(2_259, "BUS", where=(Widget.__init__,), tolerance=0.08)
def subscribers() -> None:
    """Subscribe bound methods, which keep their objects."""
    BUS.listeners["message"].append(Widget().on_message)


@leak(282, "LOG", tolerance=0.4)
def logging_handlers() -> None:
    """Add a handler on each call, as when a logger is configured inside of a function."""
    LOG.addHandler(logging.NullHandler())  # <- leak


class _Ring(logging.handlers.MemoryHandler):
    """A handler that keeps all records and never flushes."""

    def shouldFlush(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - logging's names
        """Return that the buffer is never flushed."""
        return False


def _record_logs() -> None:
    AUDIT.propagate = False
    AUDIT.setLevel(logging.INFO)
    AUDIT.addHandler(_Ring(capacity=1))


@leak(582, "AUDIT", setup=_record_logs, tolerance=0.1)
def buffered_log_records() -> None:
    """Buffer log records: the standard library makes them, the line to change is the one that logs."""
    AUDIT.info("turn %s", _number())  # <- leak


def _fail(size: int) -> None:
    context = bytearray(size)  # <- leak
    raise ValueError(len(context))


@leak(5_166, "ERRORS", where=(_fail,), tolerance=0.08)
def exceptions_with_tracebacks() -> None:
    """Keep exceptions, which keep all locals of the frames in their tracebacks."""
    try:
        _fail(4_096)
    except ValueError as error:
        ERRORS.append(error)


@leak(337, "KEPT")
def formatted_tracebacks() -> None:
    """Keep the text of tracebacks, which the standard library makes."""
    try:
        _fail(64)
    except ValueError:
        KEPT.append(traceback.format_exc())  # <- leak


class _Connection:
    """A connection that lives as long as the module."""


CONNECTION = _Connection()


@leak(1_353, "weakref.finalize._registry", tolerance=0.1)
def finalizers() -> None:
    """Register ``weakref.finalize`` on an object that stays."""
    weakref.finalize(CONNECTION, len, bytes(1_024))  # <- leak


@leak(1_138)
def exit_handlers() -> None:
    """Register ``atexit`` handlers on each call."""
    payload = bytes(1_024)  # <- leak
    atexit.register(len, payload)


def _stream(payload: bytes) -> Iterator[int]:
    yield from payload


@leak(1_306, "GENERATORS")
def open_generators() -> None:
    """Keep generators that were read halfway."""
    stream = _stream(bytes(1_024))  # <- leak
    next(stream)
    GENERATORS.append(stream)


@leak(1_067, "INBOX")
def queue_never_read() -> None:
    """Queue items for a consumer that is gone."""
    INBOX.put(bytes(1_024))  # <- leak


@leak(1_144, "HEAP")
def heap_of_jobs() -> None:
    """Schedule jobs that are never taken."""
    heapq.heappush(HEAP, (_random.randrange(1_000), bytes(1_024)))  # <- leak


@leak(None)
def output_never_emptied() -> None:
    """Write to an in-memory file."""
    OUTPUT.write(b"x" * 700)  # <- leak


@leak(1_114)
def context_variable() -> None:
    """Set a context variable to a longer and longer tuple."""
    CONTEXT.run(lambda: TURNS.set((bytes(1_024), TURNS.get())))  # <- leak


@leak(1_298, "KEPT")
def copied_contexts() -> None:
    """Keep a context per request."""
    context = contextvars.copy_context()
    context.run(TURNS.set, (bytes(1_024),))  # <- leak
    KEPT.append(context)


@leak(None)
def context_variable_per_iteration() -> None:
    """Make a context variable in each iteration: the context in which it is set keeps it."""
    variable: contextvars.ContextVar[bytes] = contextvars.ContextVar(f"turn-{_number()}")
    variable.set(bytes(1_024))  # <- leak


@leak(1_098, "KEPT", tolerance=0.1)
def parsed_json() -> None:
    """Keep documents: the standard library builds them, the line to change is the one that keeps them."""
    KEPT.append(json.loads('{"id": "%d", "text": "%s"}' % (_number(), "x" * 700)))  # noqa: UP031  # <- leak


@leak(1_370, "KEPT")
def deep_copies() -> None:
    """Keep snapshots of a conversation."""
    KEPT.append(copy.deepcopy(_TEMPLATE))  # <- leak


_TEMPLATE = {"messages": [{"role": "user", "content": ["text"]} for _ in range(4)]}


@leak(None, "__warningregistry__")
def warnings_of_unique_text() -> None:
    """Warn with new text: the module that warns keeps each text."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        before, sys.stderr = sys.stderr, nowhere
        try:
            warnings.warn(f"slow answer {_number()} {'x' * 300}", stacklevel=1)  # <- leak
        finally:
            sys.stderr = before


@leak(None, "KEPT")
def modules_made_anew() -> None:
    """Keep a module object per plug-in."""
    module = types.ModuleType(f"plugin_{_number()}")  # <- leak
    module.table = bytes(1_024)  # type: ignore[attr-defined]  # <- leak
    KEPT.append(module)


STOP = threading.Event()


def _release_threads() -> None:
    STOP.set()


def _wait(payload: bytes) -> int:
    STOP.wait()
    return len(payload)


@leak(4_147, teardown=_release_threads, tolerance=0.1)
def threads_that_never_end() -> None:
    """Start a worker thread that waits forever."""
    threading.Thread(target=_wait, args=(bytes(1_024),), daemon=True).start()  # <- leak


_LOCAL = threading.local()


@leak(1_066, "_LOCAL")
def thread_local() -> None:
    """Append to a list in the storage of a thread."""
    if not hasattr(_LOCAL, "turns"):
        _LOCAL.turns = []
    _LOCAL.turns.append(bytes(1_024))  # <- leak


@leak(618, "ENVIRONMENT", aliases=("os.environ", "posix.environ"), tolerance=0.1)
def environment_variables() -> None:
    """Set an environment variable per session."""
    ENVIRONMENT[f"SESSION_{_number()}"] = "x" * 500  # <- leak


ENVIRONMENT = os.environ
