"""Streams and files: the report on stdout, output of the scenario on stderr, the result as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import ROOT, Done, Together, Tool

PRINTS = """
    import logging, os, sys
    def run():
        print("on stdout, with print")
        os.write(1, b"on stdout, past print\\n")
        print("on stderr", file=sys.stderr)
        os.system("echo from a child")
        logging.warning("from a log")
        return len(bytearray(100_000))
"""
PRINTED = ["on stdout, with print", "on stdout, past print", "on stderr", "from a child", "from a log"]


@pytest.mark.parametrize("options", [[], ["-v", "--debug"]])
def test_output_of_the_scenario_is_on_stderr(tool: Tool, options: list[str]) -> None:
    """Output made by print, by a system call, by a child and by a log is never mixed into the report."""
    done = tool.measure(PRINTS, *options)
    for text in PRINTED:
        assert text in done.stderr
        assert text not in done.stdout
    assert "5 iterations" in done.stdout


def test_quiet_prints_one_line(tool: Tool) -> None:
    """``--quiet`` prints only the verdict, on stdout."""
    done = tool.measure(PRINTS, "-q")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"scenario: {done.result.verdict.state}: ")
    assert done.stderr == ""


@pytest.mark.parametrize("options", [[], ["-v"], ["-q"], ["--debug"], ["--in-process"]])
def test_json_on_stdout_is_alone(tool: Tool, options: list[str]) -> None:
    """``--json -`` prints one valid JSON document on stdout and nothing else, whatever other options are."""
    source = PRINTS if "--in-process" not in options else "def run(): return len(bytearray(100_000))\n"
    done = tool.measure(source, "--json", "-", *options, json_file=False)
    (result,) = tool.read_json(done.stdout.encode())
    assert len(result.iterations) == 5
    assert result.verdict.state in done.stderr


def test_json_has_the_results_of_all_targets(tool: Tool) -> None:
    """Results are in the order in which they were measured."""
    tool.write("first.py", "def run(): return len(bytearray(100_000))\n")
    tool.write("second.py", "def run(): raise ValueError\n")
    done = tool.run(
        *["second.py", "first.py", "second.py", "--iterations", "2", "--warmup", "0", "--json", "-"], json_file=False
    )
    assert [run.eval.name for run in tool.read_json(done.stdout.encode())] == ["second", "first", "second"]
    assert done.status == 3
    assert json.loads(done.stdout)["schema"] == 1


def test_json_file_is_replaced(tool: Tool) -> None:
    """Nothing of an older file is left."""
    path = tool.write("result.json", "x" * 1_000_000)
    tool.measure("def run(): return len(bytearray(100_000))\n", "--json", "result.json", json_file=False)
    (result,) = tool.read_json(path.read_bytes())
    assert len(result.iterations) == 5


def test_result_has_the_fields_of_the_contract(tool: Tool) -> None:
    """Every part of the result has its fields."""
    done = tool.measure("L = []\ndef run(): L.append(bytearray(50_000))\n", "--json", "-", "--warmup", "1", json_file=False)
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    (run,) = document["runs"]
    fields = {
        "run": "id started_at duration_seconds trace_id target python platform git packages",
        "eval": "name iterations warmup limits",
        "growth": "retained peak native",
        "verdict": "state summary reasons iterations_needed",
        "statistics": "runtime_seconds peak_bytes retained_bytes",
    }
    for part, names in fields.items():
        assert set(names.split()) <= set(run[part]), part
    iteration = (
        "index phase started_at duration_seconds status error retained_bytes retained_blocks peak_bytes"
        " traced_current_bytes rss_bytes uss_bytes native_heap_bytes"
    )
    assert [measured["phase"] for measured in run["iterations"]] == ["warmup"] + ["measured"] * 5
    assert all(set(iteration.split()) <= set(measured) for measured in run["iterations"])
    assert {"file", "line", "function", "retained_bytes", "blocks", "bytes_per_iteration", "signature"} <= set(
        run["sites"][0]
    )
    assert {"path", "type", "length", "items_per_iteration", "bound"} <= set(run["holders"][0])
    assert set(run["growth"]["retained"]) == {"bytes_per_iteration", "ci_low", "ci_high"}
    assert set(run["statistics"]["peak_bytes"]) == {"mean", "min", "max", "stdev", "median", "p95"}
    assert run["eval"]["limits"] == {"max_growth_bytes": None, "max_peak_growth_bytes": None}


CLOSED = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-", "all three": "<&- >&- 2>&-"}


READS_AND_PRINTS = """
    import sys
    L = []
    def run():
        print('printed')
        assert sys.stdin.read() == ''
        L.append(bytearray(50_000))
"""


def closing(which: str) -> Callable[[Tool], Done]:
    """Return a run that is started without these streams."""
    return lambda tool: tool.measure(READS_AND_PRINTS, wrapper=["sh", "-c", f'exec "$@" {CLOSED[which]}', "sh"])


@pytest.mark.parametrize("which", list(CLOSED))
def test_closed_standard_streams_change_nothing(together: Together, which: str) -> None:
    """A closed stdin, stdout or stderr changes no figure, and no output reaches a wrong stream."""
    done = together("closed", which, {name: closing(name) for name in CLOSED})
    assert done.status == 1
    assert done.errors == ["ok"] * 5
    assert done.result.verdict.state == "leaking"
    assert ("leaking" in done.stdout) == (which in ("stdin", "stderr"))
    assert ("printed" in done.stderr) == (which in ("stdin", "stdout"))


def test_closed_pager_ends_the_tool_quietly(tool: Tool) -> None:
    """A reader of stdout that is closed early causes no traceback."""
    tool.write("scenario.py", "def run(): return len(bytearray(100_000))\n")
    started = tool.start("scenario.py", "--iterations", "3")
    assert started.process.stdout is not None
    started.process.stdout.close()
    started.process.stdout = open(os.devnull, "rb")  # noqa: SIM115 - communicate() needs one
    done = started.finish()
    tool.assert_clean(tool.files())
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_full_disk_is_reported_after_the_report(tool: Tool) -> None:
    """A result that cannot be written gives one line and status 4."""
    done = tool.measure("def run(): return len(bytearray(100_000))\n", "--json", "/dev/full", json_file=False)
    assert done.status == 4
    assert "--json /dev/full" in done.stderr
    assert "5 iterations" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["schema", "--help"]])
def test_help_imports_no_heavy_packages(tool: Tool, arguments: list[str]) -> None:
    """Commands that measure nothing answer at once."""
    code = (
        "import runpy, sys\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try:\n    runpy.run_module('otel_memeval', run_name='__main__', alter_sys=True)\n"
        "finally:\n    print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    started = tool.start(program=[sys.executable, "-c", code], json_file=False)
    done = started.finish()
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "otel_memeval" in loaded
    assert not loaded & {"msgspec", "rich", "opentelemetry", "asyncio", "prometheus_client", "psycopg", "openai"}
    assert done.status == (2 if arguments == ["--nonsense"] else 0)


def test_help_names_the_options_in_80_columns(tool: Tool) -> None:
    """No line of ``--help`` is longer than 80 columns."""
    done = tool.run("--help", json_file=False)
    assert done.status == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    for option in [
        "--iterations",
        "--warmup",
        "--max-iterations",
        "--timeout",
        "--top",
        "--max-growth",
        "--fail-on",
        "--json",
        "--python",
    ]:
        assert option in done.stdout


def test_schema_command_prints_json(tool: Tool) -> None:
    """``schema`` is a command, and ``./schema.py`` is a target."""
    tool.write("schema.py", "def run(): return len(bytearray(100_000))\n")
    assert "$schema" in json.loads(tool.run("schema", json_file=False).stdout)
    done = tool.run("./schema.py", "--iterations", "1", "--warmup", "0")
    assert done.result.run.target.startswith("./schema.py")


def test_console_script_is_the_command(tool: Tool) -> None:
    """The function behind the installed script runs the command line."""
    code = "from otel_memeval.__main__ import main; main()"
    environment = tool.environment({"PYTHONPATH": str(ROOT)})
    said = subprocess.run(
        [sys.executable, "-c", code, "--version"], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout.startswith("otel-memeval, version ")


STATUSES = {
    "": 1,
    "--fail-on never": 0,
    "--fail-on idle,creeping": 0,
    "--fail-on idle,leaking": 1,
    "--fail-on never --max-growth 49KiB": 0,
    "--fail-on never --max-growth 48KiB": 1,
    "--fail-on never --max-growth 0": 1,
}


def leaking_with(options: str) -> Callable[[Tool], Done]:
    """Return a run of a leak of 50,000 bytes per iteration, judged with these options."""
    return lambda tool: tool.measure("L = []\ndef run(): L.append(bytearray(50_000))\n", "--warmup", "1", *options.split())


@pytest.mark.parametrize("options", list(STATUSES))
def test_options_decide_the_exit_status_of_a_leak(together: Together, options: str) -> None:
    """Both sides of verdicts and limits are tested."""
    done = together("statuses", options, {name: leaking_with(name) for name in STATUSES})
    status = STATUSES[options]
    assert done.result.verdict.state == "leaking"
    assert done.status == status
    assert bool(done.result.limits_exceeded) == ("--max-growth" in options and status == 1)
