"""Nothing outlives a run: no process of the scenario, however hidden, and nothing after the tool itself was interrupted."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import psutil
import pytest

from tests.cli.conftest import Done, Started, Together, Tool

MOST_SECONDS = 20
"""Until a killed tool's processes are gone; a second or two on a machine that is not busy."""

PRELUDE = """
import os, signal, subprocess, sys, threading
NOTHING = subprocess.DEVNULL

def child(new_session=False, deaf=False, hold_pipes=True):
    # A process that lives on, said to exist by the line it prints down a pipe.
    code = "import signal, sys, threading\\n"
    if deaf:
        code += "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\\n"
    code += "print('here', flush=True); sys.stdout = None; threading.Event().wait()"
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, start_new_session=new_session,
                               stderr=None if hold_pipes else NOTHING)
    assert process.stdout.readline() == b"here\\n"
    return process

def daemon(deaf=False):
    # The classical double fork with a session of its own.
    read, write = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            if deaf:
                [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]
            os.write(write, b"x")
            while True:
                signal.pause()
        os._exit(0)
    os.waitpid(first, 0)
    os.read(read, 1)
"""

WAYS = {
    "a child in the same group": "child()",
    "a child with a session of its own": "child(new_session=True)",
    "a child that ignores signals": "child(new_session=True, deaf=True, hold_pipes=False)",
    "a daemon": "daemon()",
    "a daemon that ignores signals": "daemon(deaf=True)",
    "a child without the environment": (
        "subprocess.Popen(['/bin/sleep', '1000'], env={'%MARK%': os.environ['%MARK%']}, process_group=0)"
    ),
    "a plain fork": "os.fork() or [signal.pause() for _ in iter(int, 1)]",
    "a fork that returns": "os.fork()",
    "a fork that raises": "if os.fork() == 0: raise RuntimeError('in the child')",
    "a fork that ends": "if os.fork() == 0: sys.exit(0)",
}


def leaving(statement: str) -> Callable[[Tool], Done]:
    """Return a run whose second iteration starts this process."""
    statement = statement.replace("%MARK%", "MEMEVAL_TEST_MARK")
    source = (
        f"{PRELUDE}\nKEEP = []\nTIMES = iter(range(9))\ndef run():\n    if next(TIMES) == 1:\n"
        f"        {statement}\n    return len(bytearray(100_000))\n"
    )
    return lambda tool: tool.measure(source, "--iterations", "3", "--fail-on", "never")


@pytest.mark.parametrize("way", list(WAYS))
def test_process_that_a_scenario_leaves_is_ended(together: Together, way: str) -> None:
    """Every iteration is measured once, the run ends soon, and the process is gone."""
    done = together("ways", way, {name: leaving(statement) for name, statement in WAYS.items()})
    assert done.status == 0, done.text
    assert done.errors == ["ok"] * 3
    assert done.seconds < 30  # the end of a deaf process takes five, however busy the machine is


def test_helper_process_may_clean_up_on_sigterm(tool: Tool) -> None:
    """It gets the time that an embedded database needs."""
    data = tool.folder.parent / "data"
    done = tool.measure(
        f"""
        import os, subprocess, sys
        from pathlib import Path
        CODE = '''
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: (os.unlink({str(data)!r}), sys.exit()))
        open({str(data)!r}, "w").close()
        print("ready", flush=True)
        while True: signal.pause()
        '''.replace("\\n        ", "\\n")
        def setup():
            helper = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, start_new_session=True)
            helper.stdout.readline()
            assert Path({str(data)!r}).exists()
        def run(): return len(bytearray(100_000))
        """,
    )
    assert done.errors == ["ok"] * 5
    assert not data.exists()


WAITING = """
    {prelude}
    import asyncio
    CALLS = iter(range(1, 100))
    def setup():
        {start}
    def hang():
        with open({event!r}, "w") as event: event.write(str(os.getpid()))
        threading.Event().wait()
    async def ahang():
        with open({event!r}, "w") as event: event.write(str(os.getpid()))
        await asyncio.Event().wait()
    def run():
        return (hang() if next(CALLS) == 3 else len(bytearray(100_000)))
    async def arun():
        return (await ahang() if next(CALLS) == 3 else len(bytearray(100_000)))
    def teardown(): print("torn down")
"""


def start_and_wait(
    tool: Tool, *arguments: str, start: str = "pass", target: str = "scenario.py", json_file: bool = True
) -> Started:
    """Start a run and return when its third iteration is under way."""
    event = tool.event("third")
    source = WAITING.replace("    ", "", 1).replace("\n    ", "\n")
    tool.write("scenario.py", source.format(prelude=PRELUDE, event=str(event), start=start))
    started = tool.start(target, "--iterations", "5", "--warmup", "0", *arguments, json_file=json_file)
    tool.wait_for(event)
    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("target", ["scenario.py", "scenario.py:arun"])
def test_interrupted_run_reports_its_iterations(tool: Tool, number: signal.Signals, target: str) -> None:
    """Ctrl-C or SIGTERM in the middle of an iteration: status 130, and the measured iterations are reported and written."""
    started = start_and_wait(tool, start="daemon()" if target == "scenario.py" else "pass", target=target)
    before = tool.files()
    started.process.send_signal(number)
    done = started.finish(20)
    tool.assert_clean(before)
    assert done.status == 130
    assert done.errors == ["ok", "ok"]
    assert done.result.failure is not None
    assert done.result.failure.type == "Interrupted"
    assert done.result.verdict.state == "failed"
    assert "Interrupted" in done.stdout
    assert "Traceback" not in done.text


def test_run_interrupted_several_times_leaves_nothing(tool: Tool) -> None:
    """Repeated Ctrl-C gives the same report."""
    started = start_and_wait(tool, start="daemon(deaf=True)")
    before = tool.files()
    while started.process.poll() is None:
        started.process.send_signal(signal.SIGINT)
        try:
            started.process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    done = started.finish(20)
    tool.assert_clean(before)
    assert done.status in (130, -signal.SIGINT)
    assert "Traceback" not in done.text
    if done.runs:
        assert done.errors == ["ok", "ok"]


def test_run_interrupted_during_import_prints_one_line(tool: Tool) -> None:
    """Nothing is measured yet; the status is 130."""
    event = tool.event("importing")
    tool.write("slow.py", f"import threading\nopen({str(event)!r}, 'w').write('x')\nthreading.Event().wait()\n")
    started = tool.start("slow.py")
    tool.wait_for(event)
    started.process.send_signal(signal.SIGINT)
    done = started.finish(20)
    tool.assert_clean(tool.files())
    assert (done.status, done.runs, done.stdout, done.stderr.strip()) == (130, [], "", "interrupted")


def test_targets_before_an_interruption_are_reported(tool: Tool) -> None:
    """The targets after it are not started."""
    tool.write("first.py", "def run(): return len(bytearray(100_000))\n")
    event = tool.event("third")
    tool.write(
        "second.py",
        f"import threading\ndef run():\n    open({str(event)!r}, 'w').write('x')\n    threading.Event().wait()\n",
    )
    started = tool.start("first.py", "second.py", "first.py", "--iterations", "2", "--warmup", "0")
    tool.wait_for(event)
    started.process.send_signal(signal.SIGTERM)
    done = started.finish(20)
    tool.assert_clean(tool.files())
    assert done.status == 130
    assert [run.eval.name for run in done.runs] == ["first", "second"]


def test_interrupted_run_prints_complete_json(tool: Tool) -> None:
    """``--json -`` has the measured iterations."""
    started = start_and_wait(tool, "--json", "-", json_file=False)
    started.process.send_signal(signal.SIGINT)
    done = started.finish(20)
    tool.assert_clean(tool.files())
    (result,) = tool.read_json(done.stdout.encode())
    assert len([iteration for iteration in result.iterations if iteration.status == "ok"]) == 2


@pytest.mark.parametrize("start", ["pass", "child(new_session=True)", "daemon(deaf=True)", "child(deaf=True)"])
def test_worker_and_its_processes_end_when_the_tool_is_killed(tool: Tool, start: str) -> None:
    """After SIGKILL of the tool nothing of the run is left."""
    started = start_and_wait(tool, start=start)
    before = tool.files()
    processes = tool.processes()
    assert len(processes) >= (4 if start != "pass" else 3)  # the tool, its guardian, the worker; and what it started
    started.process.kill()
    _, alive = psutil.wait_procs(processes, timeout=MOST_SECONDS)
    assert alive == []
    started.process.communicate(timeout=5)
    tool.assert_clean(before)


def test_run_ends_when_the_terminal_is_closed(tool: Tool) -> None:
    """SIGHUP ends the tool like any program, and nothing of the run is left."""
    started = start_and_wait(tool, start="daemon()")
    processes = tool.processes()
    started.process.send_signal(signal.SIGHUP)
    _, alive = psutil.wait_procs(processes, timeout=MOST_SECONDS)
    assert alive == []
    started.process.communicate(timeout=5)
    tool.assert_clean(tool.files())
