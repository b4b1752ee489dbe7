"""The eval: agno's fields, and measuring in the calling process."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_memeval import PerformanceEval
from otel_memeval.errors import TargetError, UsageError
from otel_memeval.records import from_json

AGNO_FIELDS = {
    "measure_runtime": True,
    "measure_memory": True,
    "name": None,
    "warmup_runs": 10,
    "num_iterations": 50,
    "print_summary": False,
    "print_results": False,
    "show_spinner": True,
    "memory_growth_tracking": False,
    "top_n_memory_allocations": 5,
    "agent_id": None,
    "team_id": None,
    "model_id": None,
    "model_provider": None,
    "file_path_to_save_results": None,
    "debug_mode": False,
    "db": None,
    "telemetry": True,
}
"""Of agno.eval.performance.PerformanceEval 3.1.10, less ``func``, which has no default, ``eval_id``, which is made up, and
``result``, which is filled in afterwards: our record of an eval is frozen."""

Run = Callable[..., Any]


def test_the_fields_are_agnos() -> None:
    """An import line is all that changes: the same names with the same defaults, ``func`` first."""
    fields = {field.name: field.default for field in dataclasses.fields(PerformanceEval)}
    assert next(iter(fields)) == "func"
    assert fields["func"] is dataclasses.MISSING
    assert {name: fields.get(name, "missing") for name in AGNO_FIELDS} == AGNO_FIELDS


def test_what_is_ours_is_optional() -> None:
    """Everything beyond agno's fields may be left out."""
    ours = [field for field in dataclasses.fields(PerformanceEval) if field.name not in AGNO_FIELDS and field.name != "func"]
    assert [field.name for field in ours] == [
        "eval_id", "setup", "teardown", "loop_factory", "describe", "max_iterations", "max_growth", "max_peak_growth",
        "resources", "ignore",
    ]  # fmt: skip
    assert {field.default for field in ours} == {None, ()}


def test_the_public_api_needs_the_standard_library_only(run_python: Run, tmp_path: Path) -> None:
    """A scenario can import its eval where nothing is installed: an isolated interpreter without site-packages."""
    root = Path(__file__).parent.parent
    program = f"""
import sys
sys.path.insert(0, {str(root)!r})
before = set(sys.modules)
import otel_memeval
otel_memeval.PerformanceEval(func=print, max_growth="16KiB")
foreign = {{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
print(sorted(foreign), sorted(otel_memeval.__all__))
"""
    said = run_python(program, options=("-S", "-I", "-W", "error"), cwd=tmp_path).stdout
    names = ["MemevalError", "PerformanceEval", "TargetError", "UsageError", "__version__"]
    assert said == f"{['otel_memeval']} {names}\n"


def test_run_says_to_use_arun_inside_a_loop() -> None:
    """Inside a running event loop run() cannot measure, and names what can; nothing was called."""
    called: list[int] = []

    async def main() -> None:
        PerformanceEval(func=lambda: called.append(1), num_iterations=1, warmup_runs=0).run()

    with pytest.raises(UsageError, match=r"inside a running event loop; use: await arun\(\)"):
        asyncio.run(main())
    assert called == []


@pytest.mark.parametrize(("field", "value"), [("func", None), ("num_iterations", "5"), ("setup", 3)])
def test_an_eval_that_cannot_be_measured_is_refused(field: str, value: object) -> None:
    """A field of a wrong type is an error with its name, before anything is called."""
    with pytest.raises(TargetError, match=field):
        PerformanceEval(**{"func": print, field: value}).run()  # type: ignore[arg-type]


MEASURED = """
import asyncio, sys
from otel_memeval import PerformanceEval
KEPT = []
def run():
    KEPT.append(bytearray(100_000))
async def arun():
    await asyncio.sleep(0)
    run()
fields = eval(sys.argv[2])
one = PerformanceEval(func=arun if sys.argv[1] == "arun" else run, name="Kept", num_iterations=8, warmup_runs=1, **fields)
result = asyncio.run(one.arun()) if sys.argv[1] == "arun" else one.run()
print("measured", result.verdict.state, round(result.growth.retained.bytes_per_iteration, -3), len(result.iterations))
"""


@pytest.mark.parametrize("how", ["run", "arun"])
def test_measuring_in_the_calling_process_gives_the_result(how: str, run_python: Run, tmp_path: Path) -> None:
    """run() and arun() find the leak, print nothing unless asked, and write nothing."""
    done = run_python(MEASURED, how, "{}", cwd=tmp_path)
    assert done.stdout == "measured leaking 100000.0 9\n"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "shown", "missing"),
    [
        (
            "print_summary",
            ["Statistics of the measured iterations", "Kept: leaking:"],
            ["Kept: 8 iterations", "Lines that grow"],
        ),
        ("print_results", ["Kept: 8 iterations after 1 warm-up", "Kept: leaking:"], ["Statistics of", "Lines that grow"]),
        ("print_results memory_growth_tracking", ["Lines that grow", "__main__.KEPT (list)"], ["Statistics of"]),
        ("memory_growth_tracking", ["measured leaking"], ["Kept:", "Lines that grow"]),
    ],
)
def test_the_printing_fields_do_what_they_say(
    fields: str, shown: list[str], missing: list[str], run_python: Run, tmp_path: Path
) -> None:
    """print_summary, print_results and memory_growth_tracking each print their part and no other."""
    text = run_python(MEASURED, "run", repr(dict.fromkeys(fields.split(), True)), cwd=tmp_path).stdout
    assert [part for part in shown if part not in text] == []
    assert [part for part in missing if part in text] == []


def test_the_result_is_saved_where_the_field_says(run_python: Run, tmp_path: Path) -> None:
    """file_path_to_save_results: the name and the run's id filled in, folders made, the content the whole result as JSON."""
    run_python(MEASURED, "run", repr({"file_path_to_save_results": "out/{name}-{run_id}.json"}), cwd=tmp_path)
    (file,) = (tmp_path / "out").iterdir()
    (result,) = from_json(file.read_bytes())
    assert file.name == f"Kept-{result.run.id}.json"
    assert (result.eval.name, result.verdict.state, len(result.iterations)) == ("Kept", "leaking", 9)
    assert [reason for reason in result.verdict.reasons if "incomplete" in reason] == []
    assert json.loads(file.read_bytes())["schema"] == 1
