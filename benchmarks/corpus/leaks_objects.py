"""Leaks through what Python offers: callbacks, handlers, exceptions, finalizers, generators, buffers of the library."""

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
    """A callback that closes over a message."""
    payload = bytes(1_024)  # <- leak
    CALLBACKS.append(lambda: len(payload))


class Bus:
    """Somebody subscribes and nobody ever unsubscribes."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[Callable[[], None]]] = {"message": []}


class Widget:
    """Listens."""

    def __init__(self) -> None:
        self.state = bytearray(2_048)  # <- leak

    def on_message(self) -> None:
        """React."""


BUS = Bus()


@leak(2_259, "BUS", where=(Widget.__init__,), tolerance=0.08)
def subscribers() -> None:
    """Bound methods keep their objects."""
    BUS.listeners["message"].append(Widget().on_message)


@leak(282, "LOG", tolerance=0.4)
def logging_handlers() -> None:
    """A handler added on each call, as when a logger is configured inside of a function."""
    LOG.addHandler(logging.NullHandler())  # <- leak


class _Ring(logging.handlers.MemoryHandler):
    """Records everything, flushes never."""

    def shouldFlush(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - logging's names
        """Never."""
        return False


def _record_logs() -> None:
    AUDIT.propagate = False
    AUDIT.setLevel(logging.INFO)
    AUDIT.addHandler(_Ring(capacity=1))


@leak(582, "AUDIT", setup=_record_logs, tolerance=0.1)
def buffered_log_records() -> None:
    """Log records are made in the standard library, the line to change is the one that logs."""
    AUDIT.info("turn %s", _number())  # <- leak


def _fail(size: int) -> None:
    context = bytearray(size)  # <- leak
    raise ValueError(len(context))


@leak(5_166, "ERRORS", where=(_fail,), tolerance=0.08)
def exceptions_with_tracebacks() -> None:
    """A kept exception keeps the frames of its traceback with all their locals."""
    try:
        _fail(4_096)
    except ValueError as error:
        ERRORS.append(error)


@leak(337, "KEPT")
def formatted_tracebacks() -> None:
    """Text of tracebacks, made by the standard library."""
    try:
        _fail(64)
    except ValueError:
        KEPT.append(traceback.format_exc())  # <- leak


class _Connection:
    """Lives as long as the module."""


CONNECTION = _Connection()


@leak(1_353, "weakref.finalize._registry", tolerance=0.1)
def finalizers() -> None:
    """``weakref.finalize`` on something that lives on."""
    weakref.finalize(CONNECTION, len, bytes(1_024))  # <- leak


@leak(1_138)
def exit_handlers() -> None:
    """``atexit.register`` on each call."""
    payload = bytes(1_024)  # <- leak
    atexit.register(len, payload)


def _stream(payload: bytes) -> Iterator[int]:
    yield from payload


@leak(1_306, "GENERATORS")
def open_generators() -> None:
    """Half-read streams."""
    stream = _stream(bytes(1_024))  # <- leak
    next(stream)
    GENERATORS.append(stream)


@leak(1_067, "INBOX")
def queue_never_read() -> None:
    """The consumer died."""
    INBOX.put(bytes(1_024))  # <- leak


@leak(1_144, "HEAP")
def heap_of_jobs() -> None:
    """Scheduled and never taken."""
    heapq.heappush(HEAP, (_random.randrange(1_000), bytes(1_024)))  # <- leak


@leak(None)
def output_never_emptied() -> None:
    """An in-memory file."""
    OUTPUT.write(b"x" * 700)  # <- leak


@leak(1_114)
def context_variable() -> None:
    """A tuple in a context variable that is only ever set longer."""
    CONTEXT.run(lambda: TURNS.set((bytes(1_024), TURNS.get())))  # <- leak


@leak(1_298, "KEPT")
def copied_contexts() -> None:
    """A context per request, kept."""
    context = contextvars.copy_context()
    context.run(TURNS.set, (bytes(1_024),))  # <- leak
    KEPT.append(context)


@leak(None)
def context_variable_per_iteration() -> None:
    """A new variable each time: the context that it was set in keeps it."""
    variable: contextvars.ContextVar[bytes] = contextvars.ContextVar(f"turn-{_number()}")
    variable.set(bytes(1_024))  # <- leak


@leak(1_098, "KEPT", tolerance=0.1)
def parsed_json() -> None:
    """Documents are built in the standard library, the line to change is the one that keeps them."""
    KEPT.append(json.loads('{"id": "%d", "text": "%s"}' % (_number(), "x" * 700)))  # noqa: UP031  # <- leak


@leak(1_370, "KEPT")
def deep_copies() -> None:
    """Snapshots of a conversation."""
    KEPT.append(copy.deepcopy(_TEMPLATE))  # <- leak


_TEMPLATE = {"messages": [{"role": "user", "content": ["text"]} for _ in range(4)]}


@leak(None, "__warningregistry__")
def warnings_of_unique_text() -> None:
    """Each new text of a warning is remembered in the module that warns."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        before, sys.stderr = sys.stderr, nowhere
        try:
            warnings.warn(f"slow answer {_number()} {'x' * 300}", stacklevel=1)  # <- leak
        finally:
            sys.stderr = before


@leak(None, "KEPT")
def modules_made_anew() -> None:
    """A module object per plug-in, kept."""
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
    """A worker thread per iteration, waiting for good."""
    threading.Thread(target=_wait, args=(bytes(1_024),), daemon=True).start()  # <- leak


_LOCAL = threading.local()


@leak(1_066, "_LOCAL")
def thread_local() -> None:
    """A list in a thread's own storage."""
    if not hasattr(_LOCAL, "turns"):
        _LOCAL.turns = []
    _LOCAL.turns.append(bytes(1_024))  # <- leak


@leak(618, "ENVIRONMENT", aliases=("os.environ", "posix.environ"), tolerance=0.1)
def environment_variables() -> None:
    """A variable per session."""
    ENVIRONMENT[f"SESSION_{_number()}"] = "x" * 500  # <- leak


ENVIRONMENT = os.environ
