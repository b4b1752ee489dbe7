"""The worker process: takes commands from one pipe, sends messages down another, and keeps its own house.

Ends with the parent: on Linux by the kernel's word, elsewhere when the commands end.
"""

from __future__ import annotations

import asyncio
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
from collections.abc import Callable, Iterator

from .harness import Harness
from .iterate import Fork
from .memory.reading import Message

_PR_SET_PDEATHSIG = 1


def serve(commands: int, messages: int) -> None:
    """Do what the lines from ``commands`` say, until they end."""
    _end_with_parent()
    _leave_no_core_file()
    faulthandler.enable()  # a crash, or the parent's word after a timeout, shows where
    commands, messages = _own_handles(commands, messages)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
    process = os.getpid()
    try:
        write = _writer(messages)
        harness = Harness(_sender(write), lambda file: file.startswith(folder))
        _lend_public_api(os.path.dirname(folder.rstrip(os.sep)))
        _serve(harness, _lines(commands), write)
    except (Fork, BrokenPipeError):
        os._exit(0)
    except (MemoryError, SystemError):  # the second is what some C code makes of the first
        os.write(2, b"MemoryError: too little memory is left to read what the scenario keeps\n")
        os._exit(1)
    if os.getpid() != process:
        os._exit(0)
    # An orderly end, but for the scenario's threads: one that never ends must not keep the process.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the scenario may have closed it
            stream.flush()
    os._exit(0)


def _serve(harness: Harness, commands: Iterator[str], write: Callable[[memoryview[int]], None]) -> None:
    harness.hello()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    for command in commands:
        do, _, rest = command.partition(" ")
        if do == "trace":
            run_id, trace_id, wanted = rest.split(" ")
            harness.trace(run_id, trace_id, wanted, write)
        elif do == "load":
            target = json.loads(rest)
            if not harness.load(target["source"], target["name"]):
                return
        elif do == "set_up":
            harness.prepare(loop)
            harness.start_tracing()
            if not harness.set_up(loop):
                harness.finish(loop)
                return
        elif do == "iterate":
            # Not JSON: what json.loads() makes would be traced as the decoder's, and lives while the iterations run.
            phase, first, count, keep_going = rest.split()
            harness.iterate(loop, phase, int(first), int(count), keep_going == "1")
        elif do == "describe":
            words = rest.split()
            pairs = [word.split(":") for word in words if ":" in word]
            holders = [int(word) for word in words if ":" not in word]
            harness.describe(holders, [(int(number), int(line)) for number, line in pairs])
        elif do == "widen":
            readings, calls, seconds = rest.split()
            harness.widen(loop, int(readings), int(calls), float(seconds))
        elif do == "look":
            frames, count, explain, *sites = rest.split()
            pairs = [site.split(":") for site in sites]
            numbered = [(int(number), int(line)) for number, line in pairs]
            harness.look(loop, int(frames), int(count), explain == "1", numbered)
        elif do == "record":
            count, peak, path = rest.split(" ", 2)
            harness.record(loop, int(count), peak == "1", json.loads(path))
        elif do == "finish":
            harness.finish(loop)
            _end_loop(loop)
            return


def _end_loop(loop: asyncio.AbstractEventLoop) -> None:
    """What ``asyncio.run`` does at its end: tasks that still run are cancelled and get a moment to clean up."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(Exception):
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())


def _writer(messages: int) -> Callable[[memoryview[int]], None]:
    """Writes whole lines. Raises ``BrokenPipeError`` when the pipe is gone.

    A scenario that closes descriptors may have opened a file of its own under the pipe's number: it stays untouched.
    """
    pipe = _identity(messages)

    def write(lines: memoryview[int]) -> None:
        if _identity(messages) != pipe:
            raise BrokenPipeError
        while lines:
            lines = lines[os.write(messages, lines) :]

    return write


def _sender(write: Callable[[memoryview[int]], None]) -> Callable[[Message], None]:
    """Writes one message a line, and forgets it. Raises as ``write``."""
    encoder = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))

    def send(message: Message) -> None:
        write(memoryview(encoder.encode(message).encode("ascii") + b"\n"))

    return send


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Which file this is; None when the descriptor is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _lines(commands: int) -> Iterator[str]:
    """One command a line, until the other side closes."""
    pending = b""
    while True:
        line, newline, rest = pending.partition(b"\n")
        if newline:
            pending = rest
            yield line.decode("utf-8")
            continue
        block = os.read(commands, 65536)
        if not block:
            return
        pending += block


def _own_handles(*handles: int) -> tuple[int, int]:
    """The pipes' descriptors, out of the way of programs that the scenario starts."""
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
    """The kernel ends this process when its parent is gone, even in the middle of an iteration."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # it was gone before the kernel knew
        os._exit(1)


def _leave_no_core_file() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _lend_public_api(package_folder: str) -> None:
    """``from otel_memeval import PerformanceEval`` works where otel-memeval is not installed, and only there.

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
