"""Serve commands in the worker process: they come from one pipe, messages go into another.

The process ends with its parent: on Linux the kernel stops it and a watchdog ends it, elsewhere when the pipe of the
commands is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import importlib.util
import json
import os
import signal
import sys
import types
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from urllib.parse import unquote

from .call_fields import failure_fields
from .harness import Harness
from .iterate import ForkedChild, ScenarioFailure
from .memory.kept_reading import file_identity
from .memory.reading import PlainMessage
from .scenario_caller import BlockingCaller, drive

_EXIT_CODE = compile("run()", "exit functions of the scenario", "exec")
"""Calls the exit functions from a file of this name: where one raises in C, Python shows the line of its caller."""

_PR_SET_PDEATHSIG = 1
"""Option of prctl(2): the signal that the kernel sends when the parent ends."""


def serve(commands: int, messages: int) -> None:
    """Run the commands that come from the pipe ``commands`` until they end, and end the process."""
    leave = os._exit  # a scenario may replace functions of os, and even the classes of exceptions
    status = 1
    try:
        status = _serve(commands, messages)
    finally:
        leave(status)


def _serve(commands: int, messages: int) -> int:
    """Run the commands; return the status of the process."""
    _end_with_parent()
    _leave_no_core_file()
    faulthandler.enable()  # after a crash, and on SIGABRT after a timeout, stderr has the stacks
    commands, messages = _own_handles(commands, messages)
    own_id, write_stderr = os.getpid, partial(os.write, 2)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
    process = own_id()
    write = _writer(messages)
    send = _sender(write)
    try:
        caller = BlockingCaller()
        harness = Harness(caller, send, write, lambda file: file.startswith(folder))
        _lend_public_api(os.path.dirname(folder.rstrip(os.sep)))
        harness.hello()
        _run_commands(harness, _lines(commands))
        if harness.is_finished:
            caller.end_tasks()
    except (ForkedChild, BrokenPipeError):
        return 0
    except (MemoryError, SystemError):  # some C code makes a SystemError of a MemoryError
        write_stderr(b"MemoryError: too little memory is left to read what the scenario keeps\n")
        return 1
    except BaseException as error:
        _send_failure(send, error)
        return 1
    if own_id() != process:
        return 0
    # An orderly end, but for the scenario's threads: one that never ends must not keep the process.
    exec(_EXIT_CODE, {"run": atexit._run_exitfuncs})  # noqa: S102
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the scenario may have closed it
            stream.flush()
    return 0


def _send_failure(send: Callable[[PlainMessage], None], error: BaseException) -> None:
    """Send an exception that a step raised outside of the scenario's functions, in code that the scenario has changed."""
    with contextlib.suppress(BaseException):  # what this needs may be gone as well
        failure = ScenarioFailure(error)
        send({"kind": "measurement_failed", "failure": {**failure_fields(failure), "frames": failure.frames}})


def _run_commands(harness: Harness, lines: Iterator[str]) -> None:
    for line in lines:
        method, arguments = parse_command(line)
        steps = method(harness, *arguments)
        if steps is not None:
            drive(steps)
        if harness.is_finished:
            return


_Method = Callable[..., "Coroutine[object, object, object] | None"]
_Parser = Callable[[str], object]

_text = partial(unquote, errors="surrogatepass")


def _flag(word: str) -> bool:
    return word == "1"


def _ids(word: str) -> list[int]:
    return [int(part) for part in word.split(",") if part]


def _sites(word: str) -> list[tuple[int, int]]:
    pairs = [part.split(":") for part in word.split(",") if part]
    return [(int(number), int(line)) for number, line in pairs]


def _counts(word: str) -> list[tuple[str, int]]:
    pairs = [part.rpartition(":") for part in word.split(",") if part]
    return [(_text(name), int(count)) for name, _, count in pairs]


_COMMANDS: dict[str, tuple[_Method, tuple[_Parser, ...]]] = {
    "trace": (Harness.trace, (_text, _text, _flag, _flag, _flag)),
    "load": (Harness.load, (_text, _text)),
    "set_up": (Harness.set_up, ()),
    "iterate": (Harness.iterate, (_text, int, int, _flag)),
    "describe": (Harness.describe, (_ids, _ids, _sites, _sites, float)),
    "describe_resources": (Harness.describe_resources, (_counts, float, int, int, float)),
    "watch_call": (Harness.watch_call, ()),
    "read_batches": (Harness.read_batches, (int, int, float)),
    "attribute_callers": (Harness.attribute_callers, (int, int, _flag, _sites, float)),
    "record_stacks": (Harness.record_stacks, (int, _flag, _text, float)),
    "store_run": (Harness.store_run, (_text,)),
    "finish": (Harness.finish, ()),
}
"""By name: the method of the harness, and how to read each of its arguments. ``wire.commands`` has the same table."""


def parse_command(line: str) -> tuple[_Method, list[object]]:
    """Return the method and the arguments that a command's line stands for.

    Words, and not JSON: objects made by the JSON decoder would be traced as those of its file, and live while the
    iterations run. Objects made here count as the tool's.
    """
    name, *words = line.split(" ")
    method, parsers = _COMMANDS[name]
    return method, [parse(word) for parse, word in zip(parsers, words, strict=True)]


def _writer(messages: int) -> Callable[[memoryview[int]], None]:
    """Return a function that writes complete lines into the pipe. It raises ``BrokenPipeError`` if the pipe is closed.

    A scenario that closes descriptors may have opened a file of its own with the pipe's number: that file stays untouched.
    """
    pipe = file_identity(messages)
    write_some = os.write

    def write(lines: memoryview[int]) -> None:
        if file_identity(messages) != pipe:
            raise BrokenPipeError
        while lines:
            lines = lines[write_some(messages, lines) :]

    return write


def _sender(write: Callable[[memoryview[int]], None]) -> Callable[[PlainMessage], None]:
    """Return a function that writes a message as one line. Raises as ``write``."""
    encoder = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))

    def send(message: PlainMessage) -> None:
        write(memoryview(encoder.encode(message).encode("ascii") + b"\n"))

    return send


def _lines(commands: int) -> Iterator[str]:
    """Yield one command per line, until the other side closes the pipe."""
    pending = b""
    read = os.read  # gevent and eventlet replace functions of os
    while True:
        line, newline, rest = pending.partition(b"\n")
        if newline:
            pending = rest
            yield line.decode("utf-8")
            continue
        block = read(commands, 65536)
        if not block:
            return
        pending += block


def _own_handles(*handles: int) -> tuple[int, int]:
    """Return the descriptors of the pipes; programs that the scenario starts do not inherit them."""
    if sys.platform == "win32":
        import msvcrt

        descriptors = [
            msvcrt.open_osfhandle(handle, os.O_RDONLY if place == 0 else 0) for place, handle in enumerate(handles)
        ]
    else:
        descriptors = list(handles)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return descriptors[0], descriptors[1]


def _end_with_parent() -> None:
    """Have the kernel stop this process when its parent ends, even in the middle of an iteration.

    The watchdog of the run (``supervisor/watchdog.py``) ends it then, after it has found the processes below it.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGSTOP, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # the parent ended before the call
        os._exit(1)


def _leave_no_core_file() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _lend_public_api(package_folder: str) -> None:
    """Make ``from otel_memeval import PerformanceEval`` work in an interpreter without otel-memeval.

    The eval's definition stands beside this folder and needs the standard library only.
    """
    if importlib.util.find_spec("otel_memeval") is not None:
        return
    file = os.path.join(package_folder, "evaluation.py")
    spec = importlib.util.spec_from_file_location("otel_memeval.evaluation", file)
    if spec is None or spec.loader is None:
        return
    evaluation = importlib.util.module_from_spec(spec)
    package = types.ModuleType("otel_memeval", "Lent by the worker: the eval's definition, and nothing else.")
    package.__path__ = []
    sys.modules["otel_memeval"] = package
    sys.modules["otel_memeval.evaluation"] = evaluation
    spec.loader.exec_module(evaluation)
    package.PerformanceEval = evaluation.PerformanceEval  # type: ignore[attr-defined]
