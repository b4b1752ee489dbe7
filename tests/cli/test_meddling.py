"""A scenario that meddles with the measurement: a named failure, or the figures of a scenario that does not meddle."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool

LEAK = "L.append(bytearray(10_000))"
LEAKED = 10_000

HARMLESS = {
    "changes directory": "os.chdir('/')",
    "changes into a folder that is gone": "d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)",
    "turns the collector off": "gc.disable()",
    "sets a threshold": "gc.set_threshold(1, 1, 1)",
    "replaces sys.stdout": "sys.stdout = io.StringIO()",
    "closes sys.stdout": "sys.stdout.close()",
    "removes the standard streams": "sys.stdin = sys.stdout = sys.stderr = None",
    "closes the standard descriptors": "[close(n) for n in (0, 1, 2)]",
    "reads stdin": "assert sys.stdin.read() == ''",
    "ends the import path": "sys.path[:] = []; sys.modules.pop('json', None)",
    "empties the environment": "os.environ.clear()",
    "ignores signals": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 13, 15)]",
    "blocks signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))",
    "sets an alarm": "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
    "starts threads that never end": "threading.Thread(target=threading.Event().wait).start()",
    "turns on tracing again": "tracemalloc.start(1)",
    "sets a trace function": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "turns warnings into errors": "warnings.simplefilter('error')",
    "changes the recursion limit": "sys.setrecursionlimit(200)",
    "changes what is built in": "builtins.print = builtins.open = None",
    "disables faulthandler": "faulthandler.disable()",
    "sets the locale": "locale.setlocale(locale.LC_ALL, 'C'); time.tzset()",
    "leaves an exit function": "atexit.register(print, 'good' + 'bye')",
    "removes the exit functions": "atexit._clear()",
    "freezes the clock": "time.monotonic = time.perf_counter = time.time = lambda: 1.7e9; time.time_ns = lambda: 0",
    "replaces functions": "gc.collect = asyncio.sleep = inspect.iscoroutinefunction = inspect.isgenerator = os.read = None",
    "sets an event loop policy": "asyncio.set_event_loop(None)",
    "runs an event loop": "asyncio.run(asyncio.sleep(0))",
    "runs an event loop with tasks": "asyncio.run(leave_tasks())",
}
"""What a sync function may do before it keeps 10,000 bytes."""

ASYNC = {
    "leaves tasks running": "L.append(asyncio.ensure_future(asyncio.Event().wait())); del L[2:]",
    "leaves tasks that refuse to end": "REFUSING or REFUSING.append(asyncio.ensure_future(refuse()))",
    "reads stdin": "assert sys.stdin.read() == ''",
    "uses an executor": "await asyncio.to_thread(int)",
    "leaves a generator open": "LOOSE or LOOSE.append(numbers()) or await LOOSE[0].__anext__()",
    "closes its sockets": "server = await asyncio.start_server(print, '127.0.0.1', 0); server.close()",
    "changes directory": "os.chdir('/')",
    "installs a task factory": "asyncio.get_running_loop().set_task_factory(None)",
    "is slow to be debugged": "asyncio.get_running_loop().set_debug(False)",
}

SCENARIO = """
import asyncio, atexit, builtins, faulthandler, gc, inspect, io, locale, os, signal, sys, tempfile, threading, time
import tracemalloc, warnings
L = []
REFUSING = []
LOOSE = []
DONE = []
def close(number):
    try: os.close(number)
    except OSError: pass
async def leave_tasks():
    asyncio.ensure_future(asyncio.sleep(60))
async def refuse():
    while True:
        try: await asyncio.Event().wait()
        except asyncio.CancelledError: pass
async def numbers():
    try:
        yield 1
    finally:
        print("closed")
{kind} run():
    if len(DONE) < {times}:
        DONE.append(None)
        {statement}
    L.append(bytearray(10_000))
"""


def meddling(kind: str, statement: str, times: int = 1) -> Callable[[Tool], Done]:
    """Return a run of eight iterations, of which the first ``times`` meddle."""
    source = SCENARIO.format(kind=kind, statement=statement, times=times)
    return lambda tool: tool.measure(source, "--iterations", "8", "--warmup", "2")


@pytest.mark.parametrize("what", list(HARMLESS))
def test_leak_of_a_meddling_function_is_found(together: Together, what: str) -> None:
    """The leak has its size, its line and its path, and the run ends normally."""
    done = together("sync", what, {name: meddling("def", statement) for name, statement in HARMLESS.items()})
    assert_leak_found(done)


@pytest.mark.parametrize("what", list(ASYNC))
def test_leak_of_a_meddling_coroutine_is_found(together: Together, what: str) -> None:
    """The same holds for an async function, which shares its event loop with the worker."""
    done = together("async", what, {name: meddling("async def", statement) for name, statement in ASYNC.items()})
    assert_leak_found(done)


def assert_leak_found(done: Done) -> None:
    """Assert the state ``leaking``, 10,000 bytes and the list's share per iteration, and the scenario's own line."""
    assert done.status == 1, done.text
    result = done.result
    assert done.errors == ["ok"] * 8
    assert result.verdict.state == "leaking"
    assert result.growth.retained is not None
    assert LEAKED <= result.growth.retained.bytes_per_iteration <= LEAKED + 200
    line = next(number for number, text in enumerate(SCENARIO.splitlines(), 1) if LEAK in text)
    assert (result.sites[0].file, result.sites[0].function) == ("scenario.py", "run")
    assert result.sites[0].line in (line, line - 1, line + 1)
    assert result.holders[0].path == "scenario.L"
    assert done.seconds < 20


UNTRACING = ["tracemalloc.stop()", "tracemalloc.clear_traces()", "tracemalloc.stop(); tracemalloc.start()"]


def untracing(kind: str, statement: str) -> Callable[[Tool], Done]:
    """Return a run whose third iteration runs this statement."""
    source = f"""
        import tracemalloc
        CALLS = iter(range(9))
        {kind} run():
            if next(CALLS) == 2:
                {statement}
            return len(bytearray(100_000))
    """
    return lambda tool: tool.measure(source, "--keep-going")


@pytest.mark.parametrize("statement", UNTRACING)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_stopped_or_cleared_tracing_is_an_error_of_its_iteration(together: Together, statement: str, kind: str) -> None:
    """No figure is made up for an iteration that switches tracing off or clears the traces."""
    done = together(f"tracing {kind}", statement, {name: untracing(kind, name) for name in UNTRACING})
    assert done.status == 3
    assert done.errors == ["ok", "ok", "Untraced"]
    assert "tracemalloc" in done.result.verdict.summary
    assert "remove that call" in done.result.verdict.summary


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("then", ["pass", "KEPT.extend(open('kept.txt', 'w') for _ in range(8))"])
def test_closed_pipe_of_the_worker_is_a_named_failure(tool: Tool, kind: str, then: str) -> None:
    """A scenario that closes descriptors which it did not open loses the worker's pipe, and its own files stay untouched."""
    tool.write("kept.txt", "")
    done = tool.measure(
        f"import os\nKEPT = []\nCALLS = iter(range(9))\n{kind} run():\n    if next(CALLS) == 2:\n"
        f"        os.closerange(3, 1000)\n        {then}\n    return len(bytearray(100_000))\n"
    )
    assert done.status == 3
    assert done.errors == ["ok", "ok", "Exit"]
    assert (tool.folder / "kept.txt").read_text() == ""


def test_error_of_a_scenario_without_descriptors_is_its_own(tool: Tool) -> None:
    """A scenario that has used up its descriptors fails with its own error, and the reading after it is complete."""
    done = tool.measure(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        KEPT = []
        def run():
            for _ in range(20):
                KEPT.append(open("/dev/null"))
        """
    )
    assert done.status == 3
    assert done.errors == ["ok", "ok", "OSError"]
    assert "Too many open files" in done.result.verdict.summary
    assert all(iteration.retained_bytes and iteration.uss_bytes for iteration in done.result.iterations)


def test_gigabyte_on_stdout_costs_the_tool_no_memory(tool: Tool) -> None:
    """The end of the output is kept, and the rest is read and dropped."""
    note = tool.folder.parent / "maxrss"
    wrapper = (
        "import resource, subprocess, sys\nstatus = subprocess.call(sys.argv[1:])\n"
        f"open({str(note)!r}, 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\nsys.exit(status)"
    )
    done = tool.measure(
        """
        import os
        BLOCK = (b"x" * 1023 + b"\\n") * 64
        def run():
            left = 1 << 29
            while left > 0: left -= os.write(1, BLOCK)
        """,
        *["--iterations", "2", "--fail-on", "never"],
        wrapper=[sys.executable, "-c", wrapper],
    )
    assert done.errors == ["ok", "ok"]
    assert int(note.read_text()) * 1024 < 120 << 20
    assert len(done.stderr) < 200_000


def test_printing_iteration_still_times_out(tool: Tool) -> None:
    """Output does not extend the time of an iteration."""
    done = tool.measure("def run():\n    while True: print('x' * 1000)\n", "--timeout", "1")
    assert done.status == 3
    assert done.errors == ["Timeout"]


def test_exit_functions_of_the_scenario_run_at_the_end(tool: Tool) -> None:
    """An exit function that raises is reported and changes nothing else."""
    functions = "atexit.register(print, 'good' + 'bye')\natexit.register(divmod, 1, 0)\n"
    done = tool.measure(f"import atexit\n{functions}def run(): return len(bytearray(100_000))\n", traceback=True)
    assert "goodbye" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert done.errors == ["ok"] * 5
    assert done.status != 3


def test_line_is_found_after_gc_freeze(tool: Tool) -> None:
    """``gc.freeze()`` hides the containers that exist then, and the line of the leak is found all the same."""
    done = meddling("def", "gc.freeze()")(tool)
    assert done.status == 1
    assert done.result.verdict.state == "leaking"
    assert done.result.sites[0].function == "run"
