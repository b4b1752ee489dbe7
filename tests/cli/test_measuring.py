"""The figures that the tool promises, in a worker process and in the calling process alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from otel_memeval.records import Result
from tests.cli.conftest import ROOT, Done, Together, Tool

SCENARIO = """\
import sys
from otel_memeval import PerformanceEval

L = []
SIZES = iter(range(100_000, 50_000_000, 100_000))

def nothing():
    pass

async def anothing():
    pass

def leak():
    L.append(bytearray(1 << 20))

async def aleak():
    L.append(bytearray(1 << 20))

def creep():
    return len(bytearray(next(SIZES)))

async def acreep():
    return len(bytearray(next(SIZES)))
"""

COUNTS = {"nothing": (100, 0), "leak": (20, 3), "creep": (20, 3)}
"""Measured and warm-up iterations."""

GROWTH = ("leaking", "native-leak", "creeping", "bounded", "settling", "failed")

CASES = [f"{prefix}{name} worker" for name in COUNTS for prefix in ("", "a")]
CASES += [f"{name} {way}" for name in COUNTS for way in ("in process", "run()")] + [f"a{name} arun()" for name in COUNTS]

CALLING = """
import asyncio, sys
sys.path.insert(0, ".")
from scenario import *
counts = dict(num_iterations={iterations}, warmup_runs={warmup})
evaluation = PerformanceEval({name}, **counts, file_path_to_save_results=sys.argv[1])
result = {call}
assert result.eval.name == {name!r}
"""


def measuring(case: str) -> Callable[[Tool], Done]:
    """Return a run of one eval, measured one way."""
    name, _, way = case.partition(" ")
    iterations, warmup = COUNTS[name if name in COUNTS else name[1:]]

    def run(tool: Tool) -> Done:
        tool.write("scenario.py", SCENARIO)
        if way in ("worker", "in process"):
            options = ["--in-process"] if way == "in process" else []
            counts = ["--iterations", str(iterations), "--warmup", str(warmup)]
            return tool.run(f"scenario:{name}", *counts, "--fail-on", "never", *options)
        call = "evaluation.run()" if way == "run()" else "asyncio.run(evaluation.arun())"
        source = CALLING.format(name=name, iterations=iterations, warmup=warmup, call=call)
        path = tool.folder.parent / "saved.json"
        program = [sys.executable, "-c", source, str(path)]
        done = tool.run(program=program, json_file=False)
        return Done(done.status, done.stdout, done.stderr, done.seconds, tool.read_json(path.read_bytes()))

    return run


def measured(together: Together, case: str) -> Result:
    """Return the result of a case; the first call starts all of them."""
    done = together("measuring", case, {name: measuring(name) for name in CASES})
    assert done.status == 0, done.text
    return done.result


@pytest.mark.parametrize("case", [case for case in CASES if "nothing" in case])
def test_function_that_does_nothing_grows_by_zero_bytes(together: Together, case: str) -> None:
    """After 100 iterations growth is exactly 0 bytes, without a site, a holder or a verdict of growth."""
    result = measured(together, case)
    assert len(result.iterations) == 100
    assert result.growth.retained is not None
    assert result.growth.retained.bytes_per_iteration == 0
    assert (result.growth.retained.ci_low, result.growth.retained.ci_high) == (0, 0)
    assert (result.sites, result.holders) == ([], [])
    assert result.verdict.state not in GROWTH


@pytest.mark.parametrize("case", [case for case in CASES if "leak" in case])
def test_leak_has_its_bytes_line_and_list(together: Together, case: str) -> None:
    """A mebibyte kept per iteration is a mebibyte and the list's own share, on that line, held by that list."""
    result = measured(together, case)
    assert result.verdict.state == "leaking"
    assert result.growth.retained is not None
    assert 1_048_576 <= result.growth.retained.bytes_per_iteration <= 1_048_900
    site = result.sites[0]
    line = SCENARIO.splitlines()[site.line - 1]
    assert (site.file, site.function, line.strip()) == ("scenario.py", result.eval.name, "L.append(bytearray(1 << 20))")
    assert result.holders[0].path == "scenario.L"
    assert (result.holders[0].type, result.holders[0].items_per_iteration) == ("list", 1)
    assert result.holders[0].length == 23
    assert "scenario.L" in result.verdict.summary
    assert f"scenario.py:{site.line}" in result.verdict.summary


@pytest.mark.parametrize("case", [case for case in CASES if "creep" in case])
def test_growing_peak_is_creeping_to_one_percent(together: Together, case: str) -> None:
    """A peak that grows by 100,000 bytes per iteration with nothing kept is ``creeping``."""
    result = measured(together, case)
    assert result.verdict.state == "creeping"
    assert result.growth.peak is not None
    assert result.growth.peak.bytes_per_iteration == pytest.approx(100_000, rel=0.01)
    assert result.growth.retained is not None
    assert abs(result.growth.retained.bytes_per_iteration) < 10


def test_run_inside_a_loop_is_refused_and_arun_works(tool: Tool) -> None:
    """The error of ``run()`` names ``arun()``, which measures a sync function there."""
    tool.write("scenario.py", SCENARIO)
    code = (
        "import asyncio, sys\nsys.path.insert(0, '.')\nfrom scenario import *\nfrom otel_memeval.errors import UsageError\n"
        "evaluation = PerformanceEval(leak, num_iterations=8, warmup_runs=2)\n"
        "async def main():\n    try:\n        evaluation.run()\n    except UsageError as error:\n        print(error)\n"
        "    print((await evaluation.arun()).verdict.state)\nasyncio.run(main())\n"
    )
    done = tool.run(program=[sys.executable, "-c", code], json_file=False)
    assert done.stdout.splitlines() == ["run() was called inside a running event loop; use: await arun()", "leaking"]


def test_run_prints_only_what_the_evals_fields_say(tool: Tool) -> None:
    """The file that it saves is that of the command line."""
    tool.write("scenario.py", SCENARIO)
    code = (
        "import sys\nsys.path.insert(0, '.')\nfrom scenario import *\n"
        "PerformanceEval(leak, num_iterations=2, warmup_runs=0).run()\nprint('---')\n"
        "PerformanceEval(leak, num_iterations=2, warmup_runs=0, print_results=True,"
        " file_path_to_save_results='results/{name}.json').run()\n"
    )
    before = tool.files()
    done = tool.start(program=[sys.executable, "-c", code], json_file=False).finish()
    assert done.status == 0, done.text
    quiet, _, shown = done.stdout.partition("---\n")
    assert quiet == ""
    assert "leak: 2 iterations" in shown
    assert tool.files() - before == {str(tool.folder / "results"), str(tool.folder / "results" / "leak.json")}
    assert json.loads((tool.folder / "results" / "leak.json").read_text())["runs"][0]["eval"]["name"] == "leak"


def test_variables_of_the_allocator_do_not_reach_the_scenario(tool: Tool) -> None:
    """All other variables do."""
    done = tool.measure(
        "import os, sys, tracemalloc\nassert not tracemalloc.is_tracing()\nL = []\ndef run():\n"
        "    assert tracemalloc.get_traceback_limit() == 1\n    assert os.environ['MY_OWN'] == 'kept'\n"
        "    assert 'PYTHONMALLOC' not in os.environ\n    assert sys.flags.hash_randomization == 0\n"
        "    L.append(bytearray(1 << 20))\n",
        "--iterations",
        "8",
        environment={"PYTHONTRACEMALLOC": "3", "PYTHONMALLOC": "debug", "PYTHONDEVMODE": "1", "MY_OWN": "kept"},
        traceback=True,
    )
    assert done.status == 1, done.text
    assert done.result.growth.retained is not None
    assert 1_048_576 <= done.result.growth.retained.bytes_per_iteration <= 1_048_900


def test_installed_otel_memeval_is_the_scenarios_own(tool: Tool) -> None:
    """The package on the scenario's import path is used, not the definition that the worker lends."""
    done = tool.measure(
        f"import otel_memeval\nassert otel_memeval.__file__.startswith({str(ROOT)!r})\n"
        "def run(): return len(bytearray(100_000))\n"
    )
    assert done.errors == ["ok"] * 5
