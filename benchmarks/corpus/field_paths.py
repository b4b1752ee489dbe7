"""Leaks whose container is hard to name: state made anew, chains, closures, classes, frames; each with its harmless twin."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import threading
import typing
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.corpus.ground import bounded, clean, leak

NUMBERS = itertools.count()


@functools.lru_cache(maxsize=5000)
def page(number: int) -> bytes:
    """Return a page that a bounded cache keeps."""
    return bytes(100 + number % 2)


# The state of an agent is replaced in each turn, and its messages with it: no list grows.
STATE: dict[str, list[dict[str, str]]] = {"messages": []}


@leak(326, 'STATE["messages"]', tolerance=0.1)
def state_made_anew() -> None:
    """Replace the messages by a list with one more."""
    STATE["messages"] = [*STATE["messages"], {"role": "user", "content": f"{next(NUMBERS):06d}" * 20}]  # <- leak


LAST: dict[str, list[dict[str, str]]] = {"messages": []}


@clean()
def state_with_the_last_messages() -> None:
    """Replace the messages by a list of the last three."""
    LAST["messages"] = [*LAST["messages"][-2:], {"role": "user", "content": f"{next(NUMBERS):06d}" * 20}]


# The same beside a bounded cache that fills.
HANDOFFS: tuple[str, ...] = ()


@leak(None, "HANDOFFS")
def tuple_beside_a_cache() -> None:
    """Replace a tuple by a longer one, and fill a cache."""
    global HANDOFFS
    page(next(NUMBERS))
    HANDOFFS = (*HANDOFFS, f"handoff {next(NUMBERS):06d} " * 40)  # <- leak


@bounded("page")
def cache_that_fills() -> None:
    """Fill a cache, and replace a tuple by another one."""
    global HANDOFFS
    page(next(NUMBERS))
    HANDOFFS = (f"handoff {next(NUMBERS):06d} " * 40,)


# Each turn refers to the one before it.
class Turn:
    """A turn with the one before it."""

    def __init__(self, before: Turn | None, text: str) -> None:
        self.before = before
        self.text = text


NEWEST: Turn | None = None
RECENT: Turn | None = None


@leak(None, "NEWEST")
def chain_beside_a_cache() -> None:
    """Put a turn before the last one, and fill a cache."""
    global NEWEST
    page(next(NUMBERS))
    NEWEST = Turn(NEWEST, f"{next(NUMBERS):06d}" * 80)  # <- leak


@clean()
def chain_of_two() -> None:
    """Keep the last turn and the one before it."""
    global RECENT
    if RECENT is not None:
        RECENT.before = None
    RECENT = Turn(RECENT, f"{next(NUMBERS):06d}" * 80)


# A transcript is one text.
TRANSCRIPT: dict[str, str] = {"text": ""}


@leak(700, 'TRANSCRIPT["text"]')
def growing_text() -> None:
    """Make a text longer."""
    TRANSCRIPT["text"] += "message" * 100  # <- leak


@clean()
def text_cut_at_its_end() -> None:
    """Make a text longer and cut it."""
    TRANSCRIPT["summary"] = (TRANSCRIPT.get("summary", "") + "message" * 100)[-2000:]


# Callbacks are closures; a list of numbers grows beside them.
CALLBACKS: list[Callable[[], int]] = []
SIZES: list[tuple[int, bytes]] = []


@leak(None, "CALLBACKS")
def closures() -> None:
    """Keep a closure over a text of 2 KB, and a number of 100 bytes."""
    text = f"{next(NUMBERS):06d}" * 350  # <- leak
    CALLBACKS.append(lambda: len(text))
    SIZES.append((len(text), bytes(100)))


@clean()
def closures_that_are_called_once() -> None:
    """Keep closures until they were called."""
    text = f"{next(NUMBERS):06d}" * 350
    once = [lambda: len(text)]
    assert once.pop()() > 0


# Exceptions keep the frames in which they were raised.
ERRORS: deque[BaseException] = deque()
CODES: list[bytes] = []


def _call_tool(payload: bytearray) -> None:
    raise LookupError(len(payload))


@leak(None, "ERRORS", where=(_call_tool,))
def exceptions_with_frames() -> None:
    """Keep an exception, whose frames keep 3 KB, beside a list of 300 bytes."""
    payload = bytearray(3000)  # <- leak
    try:
        _call_tool(payload)
    except LookupError as error:
        ERRORS.append(error)
    CODES.append(bytes(300))


@clean()
def exceptions_without_frames() -> None:
    """Keep the last exceptions, without their frames."""
    payload = bytearray(3000)
    try:
        _call_tool(payload)
    except LookupError as error:
        ERRORS.append(error.with_traceback(None))
        if len(ERRORS) > 3:
            ERRORS.popleft()


# A class for each call, kept by an instance.
ARGUMENTS: list[object] = []


@leak(None, "ARGUMENTS")
def class_for_each_call() -> None:
    """Make a class per call and keep an instance of it."""
    ARGUMENTS.append(type("Arguments", (), {"number": next(NUMBERS)})())  # <- leak


@clean()
def class_for_each_call_dropped() -> None:
    """Make a class per call, and an instance that is dropped."""
    type("Arguments", (), {"number": next(NUMBERS)})()


@bounded()
def class_in_a_cache_of_typing() -> None:
    """Make a class per call; a bounded cache of typing keeps the last 128."""
    typing.Dict[str, type("Arguments", (), {"number": next(NUMBERS)})]  # type: ignore[misc]  # noqa: UP006


# Several lists in one table, told apart by keys that stand in the source.
BY_ROLE: dict[str, list[str]] = {"user": [], "assistant": []}


@leak(None, 'BY_ROLE["assistant"]')
def lists_in_a_table() -> None:
    """Keep short questions in one list and long answers in another."""
    BY_ROLE["user"].append(f"{next(NUMBERS):06d}" * 5)
    BY_ROLE["assistant"].append(f"{next(NUMBERS):06d}" * 100)  # <- leak


@clean()
def lists_in_a_table_cleared() -> None:
    """Empty both lists in each turn."""
    for texts in BY_ROLE.values():
        texts.clear()
    BY_ROLE["user"].append(f"{next(NUMBERS):06d}" * 5)


# A coroutine gathers in a local variable.
INBOX: dict[str, asyncio.Queue[str]] = {}
COLLECTORS: dict[str, asyncio.Task[None]] = {}


async def _collect(inbox: asyncio.Queue[str]) -> None:
    received: list[str] = []
    while True:
        received.append(await inbox.get())


@leak(None, 'COLLECTORS["all"] -> Task -> _collect.received')
async def list_in_a_coroutine() -> None:
    """Send a message to a task that keeps all of them."""
    if "all" not in INBOX:
        INBOX["all"] = asyncio.Queue()
        COLLECTORS["all"] = asyncio.create_task(_collect(INBOX["all"]))
    await INBOX["all"].put(f"{next(NUMBERS):06d}" * 100)  # <- leak
    await asyncio.sleep(0)


async def _read(inbox: asyncio.Queue[str]) -> None:
    while True:
        await inbox.get()


@clean()
async def coroutine_that_reads() -> None:
    """Send a message to a task that drops it."""
    if "read" not in INBOX:
        INBOX["read"] = asyncio.Queue()
        COLLECTORS["read"] = asyncio.create_task(_read(INBOX["read"]))
    await INBOX["read"].put(f"{next(NUMBERS):06d}" * 100)
    await asyncio.sleep(0)


# Data of a thread.
LOCAL = threading.local()


@leak(None, "LOCAL -> _local.seen")
def list_of_a_thread() -> None:
    """Keep in the data of this thread."""
    if not hasattr(LOCAL, "seen"):
        LOCAL.seen = []
    LOCAL.seen.append(f"{next(NUMBERS):06d}" * 100)  # <- leak


@clean()
def list_of_a_thread_cut() -> None:
    """Keep the last three in the data of this thread."""
    LOCAL.last = [*getattr(LOCAL, "last", ())[-2:], f"{next(NUMBERS):06d}" * 100]


# Generated code keeps in its own names.
TEMPLATE: dict[str, typing.Any] = {}
exec("KEPT = []\ndef render(number):\n    KEPT.append(f'{number:06d}' * 100)\n", TEMPLATE)  # noqa: S102


@leak(None, 'TEMPLATE["KEPT"]')
def generated_code() -> None:
    """Call generated code that keeps."""
    TEMPLATE["render"](next(NUMBERS))  # <- leak


exec("LAST = []\ndef show(number):\n    LAST[:] = [f'{number:06d}' * 100]\n", TEMPLATE)  # noqa: S102


@clean()
def generated_code_that_keeps_one() -> None:
    """Call generated code that keeps the last text."""
    TEMPLATE["show"](next(NUMBERS))


# Handlers of a logger, and exits of a stack.
class Handler(logging.Handler):
    """A handler that drops what it gets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Drop."""


@leak(None, 'logging.Logger.manager -> Manager.loggerDict["memeval.agent"] -> Logger.handlers')
def handler_for_each_call() -> None:
    """Add a handler to the same logger."""
    logging.getLogger("memeval.agent").addHandler(Handler())  # <- leak


@clean()
def handler_that_is_removed() -> None:
    """Add a handler and remove it."""
    handler = Handler()
    logging.getLogger("memeval.tool").addHandler(handler)
    logging.getLogger("memeval.tool").removeHandler(handler)


EXITS = ExitStack()


@leak(None, "EXITS -> ExitStack._exit_callbacks")
def callbacks_of_an_exit_stack() -> None:
    """Register a callback that is called at the end of the program."""
    EXITS.callback(len, f"{next(NUMBERS):06d}" * 100)  # <- leak


@clean()
def exit_stack_for_each_call() -> None:
    """Register a callback that is called at the end of the turn."""
    with ExitStack() as exits:
        exits.callback(len, f"{next(NUMBERS):06d}" * 100)
