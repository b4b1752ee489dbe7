"""A scenario that ends its process, hangs, or runs out of memory: a named failure, and the records until then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool

CRASHES = """
    import ctypes, faulthandler, os, signal, sys, threading
    CALLS = iter(range(1, 100))
    {kind} run():
        if next(CALLS) == {when}:
            {statement}
        return len(bytearray(100_000))
"""


ENDS: dict[str, tuple[str, list[str]]] = {
    "ctypes.string_at(0)": ("Crash", ["killed by SIGSEGV"]),
    "os.abort()": ("Crash", ["killed by SIGABRT"]),
    "os._exit(7)": ("Exit", ["ended itself with status 7"]),
    "os._exit(0)": ("Exit", ["ended itself with status 0"]),
    "os.kill(os.getpid(), signal.SIGKILL)": ("Crash", ["killed by SIGKILL", "when memory runs out"]),
    "os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait()": ("Crash", ["killed by SIGTERM"]),
    "threading.Thread(target=ctypes.string_at, args=(0,)).start(); threading.Event().wait()": ("Crash", ["SIGSEGV"]),
}


def ending(kind: str, statement: str) -> Callable[[Tool], Done]:
    """Return a run whose third iteration runs this statement."""
    return lambda tool: tool.measure(CRASHES.format(kind=kind, statement=statement, when=3))


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("statement", list(ENDS))
def test_ended_process_is_the_error_of_its_iteration(together: Together, kind: str, statement: str) -> None:
    """However the process ends, the iterations before are reported."""
    done = together(f"ends {kind}", statement, {name: ending(kind, name) for name in ENDS})
    type_, words = ENDS[statement]
    assert done.status == 3
    assert done.errors == ["ok", "ok", type_]
    error = done.result.iterations[2].error
    assert error is not None
    for word in words:
        assert word in error.message
    assert error.message in done.result.verdict.summary
    assert [iteration.retained_bytes is not None for iteration in done.result.iterations] == [True, True, False]
    assert done.result.failure is not None
    assert done.result.failure.type == type_


def test_segmentation_fault_shows_the_stack(tool: Tool) -> None:
    """The stack at the crash, with the scenario's line, is on stderr."""
    done = tool.measure(CRASHES.format(kind="def", statement="ctypes.string_at(0)", when=1))
    assert "Segmentation fault" in done.stderr
    assert "scenario.py" in done.stderr


@pytest.mark.parametrize("stage", ["setup", "describe", "teardown"])
def test_crash_in_a_hook_names_the_stage(tool: Tool, stage: str) -> None:
    """A crash outside the iterations keeps the iterations."""
    done = tool.measure(f"import os\ndef run(): return len(bytearray(100_000))\ndef {stage}(): os._exit(7)\n")
    assert done.status == 3
    assert done.result.failure is not None
    assert done.result.failure.type == "Exit"
    where = "after the last iteration" if stage == "teardown" else "during set-up"
    assert done.result.failure.message == f"the process ended itself with status 7 {where}"
    assert len(done.result.iterations) == (5 if stage == "teardown" else 0)
    assert done.result.verdict.state == ("stable" if stage == "teardown" else "failed")


OUT_OF_MEMORY = """
    import resource
    KEPT = []
    CALLS = iter(range(1, 100))
    def run():
        here = {here}
        if next(CALLS) == 3:
            size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20), size + (64 << 20)))
            while True:
                here.append(bytearray({block}))
        return len(bytearray(100_000))
"""


def test_memory_error_is_an_error_of_its_iteration(tool: Tool) -> None:
    """A MemoryError after which the memory is released is like any other error."""
    done = tool.measure(OUT_OF_MEMORY.format(here="[]", block="1 << 20"), "--keep-going")
    assert done.status == 3
    assert done.errors == ["ok", "ok", "MemoryError", "ok", "ok"]


def test_lasting_lack_of_memory_is_a_named_failure(tool: Tool) -> None:
    """If no memory is left for the reading either, the records until then are kept."""
    done = tool.measure(OUT_OF_MEMORY.format(here="KEPT", block="100"), "--keep-going")
    assert done.status == 3
    assert done.errors[:2] == ["ok", "ok"]
    assert done.errors[2] in {"MemoryError", "Exit", "Crash"}
    assert "MemoryError" in done.text


HANGS = {
    "sync": "def run():\n    if next(CALLS) == 3: threading.Event().wait()\n    return len(bytearray(100_000))\n",
    "async": "async def run():\n    if next(CALLS) == 3: await asyncio.Event().wait()\n    return len(bytearray(100_000))\n",
    "busy": "def run():\n    while next(CALLS) >= 3: CALLS.__setstate__(4)\n    return len(bytearray(100_000))\n",
    "deaf": (
        "def run():\n    if next(CALLS) == 3:\n        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\n"
        "        threading.Event().wait()\n    return len(bytearray(100_000))\n"
    ),
    "handled": (
        "def run():\n    signal.signal(signal.SIGABRT, lambda *_: None)\n"
        "    if next(CALLS) == 3:\n        while True: signal.pause()\n    return len(bytearray(100_000))\n"
    ),
}


HEAD = "import asyncio, itertools, signal, threading\nfrom itertools import count\nCALLS = count(1)\n"
CALLS_THAT_TURN_BACK = (
    "class Calls:\n    now = 0\n    def __next__(self): self.now += 1; return self.now\n"
    "    def __setstate__(self, now): self.now = now\nCALLS = Calls()\n"
)


def hanging(kind: str) -> Callable[[Tool], Done]:
    """Return a run whose third iteration hangs."""
    source = HEAD + (CALLS_THAT_TURN_BACK if kind == "busy" else "") + HANGS[kind]
    return lambda tool: tool.measure(source, "--timeout", "2")


@pytest.mark.parametrize("kind", list(HANGS))
def test_hanging_iteration_is_ended_at_its_timeout(together: Together, kind: str) -> None:
    """The stacks say where the iteration hung."""
    done = together("hangs", kind, {name: hanging(name) for name in HANGS})
    assert done.status == 3
    assert done.errors == ["ok", "ok", "Timeout"]
    assert "did not end within 2 s" in done.result.verdict.summary
    assert 2 <= done.result.iterations[2].duration_seconds < 6
    if kind not in ("deaf", "handled"):
        assert "most recent call first" in done.stderr
    if kind in ("sync", "busy"):
        assert 'scenario.py", line' in done.stderr


def test_timeout_is_for_one_iteration(tool: Tool) -> None:
    """Iterations that take most of ``--timeout`` each pass."""
    done = tool.measure(
        "import time\ndef run():\n    time.sleep(0.7)\n    return len(bytearray(100_000))\n",
        *["--timeout", "2.5", "--fail-on", "never"],
    )
    assert done.status == 0
    assert done.errors == ["ok"] * 5
    assert done.result.run.duration_seconds > 2.5


@pytest.mark.parametrize("stage", ["setup", "teardown"])
def test_hanging_hook_is_ended_at_its_timeout(tool: Tool, stage: str) -> None:
    """Set-up and tear-down are held to ``--timeout`` too."""
    source = (
        f"import asyncio\ndef run(): return len(bytearray(100_000))\nasync def {stage}(): await asyncio.Event().wait()\n"
    )
    done = tool.measure(source, "--timeout", "500ms")
    assert done.status == 3
    assert done.result.failure is not None
    assert done.result.failure.type == "Timeout"
    assert "did not end within 0.5 s" in done.result.failure.message
