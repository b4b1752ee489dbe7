"""``--python``: the scenario runs in another interpreter, without the tool in it, and the figures are the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Together, Tool

OLDEST, NEWEST = 10, 15

SCENARIO = """
    import sys
    try:
        import msgspec, click, rich
    except ImportError:
        print("nothing of the tool's is here")
    from otel_memeval import PerformanceEval
    HELD = []
    async def leak():
        HELD.append(bytearray(1 << 20))
    SIZES = iter(range(100_000, 10_000_000, 100_000))
    def creep():
        return len(bytearray(next(SIZES)))
    def steady():
        return len(bytearray(100_000))
    LEAK = PerformanceEval(leak, name="leak", num_iterations=8, warmup_runs=3)
    CREEP = PerformanceEval(creep, name="creep", num_iterations=8, warmup_runs=3)
    STEADY = PerformanceEval(steady, name="steady", num_iterations=20, warmup_runs=3)
"""


def _interpreters() -> Iterator[Path]:
    """Return every CPython of a supported version on PATH and in pyenv's folder: one of each version, free-threaded too."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    seen = set()
    for folder in folders:
        for name in (f"python3.{minor}{build}" for minor in range(OLDEST, NEWEST + 1) for build in ("", "t")):
            path = folder / name
            if path.is_file() and name not in seen and _runs_without_ours(path):
                seen.add(name)
                yield path


def _runs_without_ours(path: Path) -> bool:
    code = "import importlib.util as u; print(u.find_spec('msgspec'), u.find_spec('otel_memeval'))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        said = subprocess.run(
            [path, "-c", code], env=environment, cwd="/", capture_output=True, text=True, timeout=20, check=False
        )
    except OSError:
        return False
    return said.stdout.split() == ["None", "None"]


FRESH = "a fresh virtual environment"
PYTHONS = {FRESH: "", **{path.name: str(path) for path in _interpreters()}}


def measure_in(python: str, source: str, target: str, *options: str) -> Callable[[Tool], Done]:
    """Run in this interpreter; without one, in a virtual environment made for it."""

    def run(tool: Tool) -> Done:
        path = python
        if not path:
            venv.create(tool.folder.parent / "fresh", with_pip=False, symlinks=True)
            path = str(tool.folder.parent / "fresh" / "bin" / "python")
        tool.write("scenario.py", source)
        return tool.run(target, "--fail-on", "never", "--python", path, *options, installed_nowhere=True)

    return run


def ask(together: Together, name: str) -> Done:
    """Return the figures of one interpreter; the first call starts all of them."""
    cases = {name: measure_in(python, SCENARIO, "scenario.py") for name, python in PYTHONS.items()}
    return together("pythons", name, cases)


@pytest.mark.parametrize("name", list(PYTHONS))
def test_every_interpreter_gives_the_same_figures(together: Together, name: str) -> None:
    """The leak, the creep and the idle scenario have the same figures in every interpreter that is found."""
    done = ask(together, name)
    assert done.status == 0, done.text
    leak, creep, steady = done.runs
    assert "nothing of the tool's is here" in done.stderr
    if name != FRESH:
        version, free_threaded, _ = leak.run.python.partition("t")
        assert name == "python" + ".".join(version.split(".")[:2]) + free_threaded
    else:
        assert leak.run.python == ".".join(map(str, sys.version_info[:3]))
    assert leak.verdict.state == "leaking"
    assert leak.growth.retained is not None
    assert 1_048_576 <= leak.growth.retained.bytes_per_iteration <= 1_048_900
    assert (leak.sites[0].file, leak.sites[0].line, leak.sites[0].function) == ("scenario.py", 10, "leak")
    assert leak.holders[0].path == "scenario.HELD"
    assert creep.verdict.state == "creeping"
    assert creep.growth.peak is not None
    assert creep.growth.peak.bytes_per_iteration == pytest.approx(100_000, rel=0.01)
    assert steady.verdict.state == "stable"
    assert steady.growth.retained is not None
    assert steady.growth.retained.bytes_per_iteration == 0
    assert (steady.sites, steady.holders) == ([], [])


def test_interpreter_before_3_10_is_refused(tool: Tool) -> None:
    """The error is one line."""
    old = tool.write("old", "#!/bin/sh\nexec " + sys.executable + ' "$(dirname "$0")/pretend.py" "$@"\n')
    old.chmod(0o755)
    tool.write(
        "pretend.py",
        "import platform, runpy, sys\nplatform.python_version = lambda: '3.9.99'\n"
        "del sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n",
    )
    tool.write("scenario.py", "def run(): pass\n")
    done = tool.run("scenario.py", "--python", str(old))
    assert done.status == 2
    assert re.fullmatch(
        r"otel-memeval: .*old is Python 3\.9\.99; --python needs the path of a CPython 3\.10 or later\n", done.stderr
    )


LARGE = """
    import asyncio

    class Thing:
        def __init__(self, number):
            self.number, self.more = number, {"number": number}
    THINGS = [Thing(number) for number in range(70_000)]

    class Team:
        def arun(self, text):
            async def stream():
                yield text
            return stream()

    async def ask():
        _ = Team().arun("hello")

    async def run():
        await asyncio.gather(ask(), ask())
"""


@pytest.mark.parametrize("name", list(PYTHONS))
def test_reading_does_not_disturb_the_c_heap(together: Together, name: str) -> None:
    """In a process with 200,000 imported objects, 20 readings differ by 64 bytes of C heap at most.

    The scenario drops its streams unread, behind ``gather``: it is idle.
    """
    options = ("--iterations", "20", "--warmup", "3")
    cases = {name: measure_in(python, LARGE, "scenario.py", *options) for name, python in PYTHONS.items()}
    done = together("large processes", name, cases)
    measured = [iteration for iteration in done.result.iterations if iteration.phase == "measured"]
    heap = [iteration.native_heap_bytes for iteration in measured if iteration.native_heap_bytes is not None]
    assert len(heap) == 20
    assert max(heap) - min(heap) <= 64
    assert done.result.verdict.state == "idle"
    assert "the async generator of Team.arun.stream is dropped unread at scenario.py:" in done.result.verdict.summary
    assert " (ask) (and 1 more); read it with `async for`" in done.result.verdict.summary


def test_sub_interpreters_are_named(tool: Tool) -> None:
    """The growth is found, its callers are not searched for, and the report says that their containers are not seen."""
    source = """
        import importlib.util, json
        NAMES = [name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name)]
        importlib.import_module(NAMES[0])
        KEPT = []
        def run():
            KEPT.append(json.loads("[" + "123456789, " * 2000 + "1]"))
    """
    done = tool.measure(source, "--iterations", "8")
    assert done.errors == ["ok"] * 8
    assert done.result.verdict.state == "leaking"
    assert done.result.holders[0].path == "scenario.KEPT"
    assert done.result.run.missing_channels == ["containers of sub-interpreters (only their memory counts)"]
    attribution = done.result.caller_attribution
    if sys.version_info < (3, 15):
        assert attribution is not None
        assert "tracing cannot be restarted after sub-interpreters" in (attribution.problem or "")
