"""What goes where: the table on stdout, the scenario's own output on stderr, JSON alone where it is asked for."""

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
def test_scenario_prints(tool: Tool, options: list[str]) -> None:
    """What the scenario prints, by whatever means, is shown on stderr and never mixed into the table."""
    done = tool.measure(PRINTS, *options)
    for text in PRINTED:
        assert text in done.stderr
        assert text not in done.stdout
    assert "5 iterations" in done.stdout


def test_quiet(tool: Tool) -> None:
    """``--quiet`` shows the verdict in one line and nothing else, on stdout alone."""
    done = tool.measure(PRINTS, "-q")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"scenario: {done.result.verdict.state}: ")
    assert done.stderr == ""


@pytest.mark.parametrize("options", [[], ["-v"], ["-q"], ["--debug"], ["--in-process"]])
def test_json_on_stdout(tool: Tool, options: list[str]) -> None:
    """``--json -`` prints one JSON document that fits the schema, and nothing else, whatever else is asked for."""
    source = PRINTS if "--in-process" not in options else "def run(): return len(bytearray(100_000))\n"
    done = tool.measure(source, "--json", "-", *options, json_file=False)
    (result,) = tool.read_json(done.stdout.encode())
    assert len(result.iterations) == 5
    assert result.verdict.state in done.stderr


def test_json_of_several_targets(tool: Tool) -> None:
    """One document holds all results in the order measured."""
    tool.write("first.py", "def run(): return len(bytearray(100_000))\n")
    tool.write("second.py", "def run(): raise ValueError\n")
    done = tool.run(
        *["second.py", "first.py", "second.py", "--iterations", "2", "--warmup", "0", "--json", "-"], json_file=False
    )
    assert [run.eval.name for run in tool.read_json(done.stdout.encode())] == ["second", "first", "second"]
    assert done.status == 3
    assert json.loads(done.stdout)["schema"] == 1


def test_json_file_is_replaced(tool: Tool) -> None:
    """A result that is there already is overwritten, not added to."""
    path = tool.write("result.json", "x" * 1_000_000)
    tool.measure("def run(): return len(bytearray(100_000))\n", "--json", "result.json", json_file=False)
    (result,) = tool.read_json(path.read_bytes())
    assert len(result.iterations) == 5


def test_contract_of_the_result(tool: Tool) -> None:
    """Every field that the contract names is there, under its name."""
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
    assert [one["phase"] for one in run["iterations"]] == ["warmup"] + ["measured"] * 5
    assert all(set(iteration.split()) <= set(one) for one in run["iterations"])
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
    """A run that is started without these streams."""
    return lambda tool: tool.measure(READS_AND_PRINTS, wrapper=["sh", "-c", f'exec "$@" {CLOSED[which]}', "sh"])


@pytest.mark.parametrize("which", list(CLOSED))
def test_closed_standard_streams(together: Together, which: str) -> None:
    """A standard stream that is closed when the tool starts changes no figure and mixes no pipes up."""
    done = together("closed", which, {name: closing(name) for name in CLOSED})
    assert done.status == 1
    assert done.errors == ["ok"] * 5
    assert done.result.verdict.state == "leaking"
    assert ("leaking" in done.stdout) == (which in ("stdin", "stderr"))
    assert ("printed" in done.stderr) == (which in ("stdin", "stdout"))


def test_reader_of_stdout_goes_away(tool: Tool) -> None:
    """A pager that is closed early ends the tool quietly."""
    tool.write("scenario.py", "def run(): return len(bytearray(100_000))\n")
    started = tool.start("scenario.py", "--iterations", "3")
    assert started.process.stdout is not None
    started.process.stdout.close()
    started.process.stdout = open(os.devnull, "rb")  # noqa: SIM115 - communicate() needs one
    done = started.finish()
    tool.assert_clean(tool.files())
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_full_disk(tool: Tool) -> None:
    """A result that cannot be written is said in one line, status 2, after the report."""
    done = tool.measure("def run(): return len(bytearray(100_000))\n", "--json", "/dev/full", json_file=False)
    assert done.status == 2
    assert "--json /dev/full" in done.stderr
    assert "5 iterations" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["schema", "--help"], ["--nonsense"]])
def test_help_is_light(tool: Tool, arguments: list[str]) -> None:
    """What measures nothing imports none of the heavy packages, so that it answers at once."""
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


def test_help_fits_a_terminal(tool: Tool) -> None:
    """``--help`` names every option of the contract so far, and no line is longer than 80 columns."""
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


def test_schema_command_is_json(tool: Tool) -> None:
    """``schema`` prints one JSON document and ends with status 0; ``schema.py`` as a path stays a target."""
    tool.write("schema.py", "def run(): return len(bytearray(100_000))\n")
    assert "$schema" in json.loads(tool.run("schema", json_file=False).stdout)
    done = tool.run("./schema.py", "--iterations", "1", "--warmup", "0")
    assert done.result.run.target.startswith("./schema.py")


def test_console_script(tool: Tool) -> None:
    """The function behind the installed command is the same command."""
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
    """A leak of 50,000 bytes an iteration, judged with these options."""
    return lambda tool: tool.measure("L = []\ndef run(): L.append(bytearray(50_000))\n", "--warmup", "1", *options.split())


@pytest.mark.parametrize("options", list(STATUSES))
def test_exit_status_of_a_leak(together: Together, options: str) -> None:
    """Verdicts and limits fail the run as asked for: both sides of each."""
    done = together("statuses", options, {name: leaking_with(name) for name in STATUSES})
    status = STATUSES[options]
    assert done.result.verdict.state == "leaking"
    assert done.status == status
    assert bool(done.result.limits_exceeded) == ("--max-growth" in options and status == 1)
