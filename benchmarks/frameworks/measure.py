"""Measure a scenario: with this tool, in a plain loop for comparison, and in a long plain loop to confirm a leak."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.packages.cases import FOLDER as PACKAGES
from benchmarks.tool_runs import ROOT
from otel_memeval.records import Iteration, Result, from_json
from otel_memeval.verdicts import PROPERTIES

TIMEOUT_SECONDS = 1800.0


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One run; sizes in bytes. None where a number is not known."""

    name: str
    """Framework, or eval."""
    traced: bool
    """With ``--trace-scenario``."""
    state: str
    passed: bool
    """Whether the verdict lets a build pass."""
    summary: str
    bytes_per_iteration: dict[str, float] = {}
    """By channel: retained, peak, native, process."""
    peak_bytes: float | None = None
    """Median of the peaks of iterations."""
    model_calls: float | None = None
    """Median per iteration, by the scenario's spans."""
    requests: float | None = None
    """Requests that reached the model server, for each call of the scenario."""
    iteration_seconds: float | None = None
    reading_seconds: float | None = None
    """Median time from the end of an iteration to the start of the next one."""
    seconds: float
    cpu_seconds: float
    """Processor time of tool and scenario from start to end."""
    plain_cpu_seconds: float | None = None
    """Processor time of as many calls in a plain loop."""
    versions: dict[str, str] = {}
    python: str = ""


@contextlib.contextmanager
def variables(services: Mapping[str, str], *, traced: bool) -> Iterator[dict[str, str]]:
    """Yield the environment of a run, with a folder of its own for the scenario's files."""
    with tempfile.TemporaryDirectory(prefix="team-") as folder:
        yield {**os.environ, **services, "TEAM_FOLDER": folder, "TEAM_TRACED": "1" if traced else "0"}


def measure(
    target: str,
    name: str,
    python: Path,
    environment: Mapping[str, str],
    options: Sequence[str],
    *,
    cwd: Path = ROOT,
    keep: Path | None = None,
) -> list[Measurement]:
    """Run the command on a target and return a measurement of each of its evals; ``keep``: file for the run's own result."""
    before = requests_of(environment)
    with tempfile.TemporaryDirectory() as folder:
        path = keep or Path(folder, "result.json")
        command = [sys.executable, "-m", "otel_memeval", target, "--python", str(python), "--json", str(path), "--quiet"]
        start = time.perf_counter()
        errors, cpu_seconds = _run([*command, *options], {**environment, "PYTHONPATH": str(ROOT)}, cwd)
        seconds = time.perf_counter() - start
        results = from_json(path.read_bytes()) if path.exists() else []
    traced = "--trace-scenario" in options
    if not results:
        failed = Measurement(
            name=name,
            traced=traced,
            state="failed",
            passed=False,
            summary=errors[-300:],
            seconds=seconds,
            cpu_seconds=cpu_seconds,
        )
        return [failed]
    requests = requests_of(environment) - before
    calls = sum(map(_calls, results))
    return [
        msgspec.structs.replace(
            read(result, name),
            traced=traced,
            requests=round(requests / calls, 1) if calls else None,
            seconds=round(seconds, 1),
            cpu_seconds=round(cpu_seconds, 1),
        )
        for result in results
    ]


def read(result: Result, name: str) -> Measurement:
    """Return a measurement from a result, without the numbers that only the runner has."""
    measured = [iteration for iteration in result.iterations if iteration.phase == "measured"]
    channels = {"retained": result.growth.retained, "peak": result.growth.peak}
    channels |= {"native": result.growth.native, "process": result.growth.process}
    peaks = [iteration.peak_bytes for iteration in measured if iteration.peak_bytes is not None]
    model_calls = [iteration.gen_ai.model_calls for iteration in measured if iteration.gen_ai is not None]
    readings = [_start(after) - _start(before) - before.duration_seconds for before, after in pairwise(measured)]
    return Measurement(
        name=name,
        traced=False,
        state=result.verdict.state,
        passed=not PROPERTIES[result.verdict.state].fails_run,
        summary=result.verdict.summary,
        bytes_per_iteration={key: growth.bytes_per_iteration for key, growth in channels.items() if growth is not None},
        peak_bytes=median(peaks) if peaks else None,
        model_calls=median(model_calls) if model_calls else None,
        iteration_seconds=median(iteration.duration_seconds for iteration in measured) if measured else None,
        reading_seconds=median(readings) if readings else None,
        seconds=0.0,
        cpu_seconds=0.0,
        versions=result.run.packages,
        python=result.run.python,
    )


def plain_cpu_seconds(scenario: Path, python: Path, environment: Mapping[str, str], calls: int) -> float:
    """Return the processor time of a plain loop."""
    command = [str(python), str(PACKAGES / "confirm.py"), str(scenario), str(calls)]
    return _run(command, {**environment, "PYTHONPATH": str(scenario.parent)}, ROOT)[1]


def confirm(scenario: Path, python: Path, environment: Mapping[str, str], calls: int) -> dict[str, list[float]]:
    """Return the bytes per call that a plain loop keeps, in each of its last two thirds; as for packages.

    Raises ``RuntimeError`` if the loop fails.
    """
    settings = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    command = [str(python), str(PACKAGES / "confirm.py"), str(scenario), str(calls)]
    done = subprocess.run(
        command,
        env={**environment, **settings, "PYTHONPATH": str(scenario.parent)},
        capture_output=True,
        text=True,
        timeout=8 * TIMEOUT_SECONDS,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith('{"heap"'):
            return msgspec.json.decode(line, type=dict[str, list[float]])
    raise RuntimeError(done.stderr.strip()[-300:])


def requests_of(environment: Mapping[str, str]) -> int:
    """Return the number of requests that the model server has received."""
    url = environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/stats"
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - the local model server
        return int(json.load(response)["requests"])


def _calls(result: Result) -> int:
    """Return how often the scenario was called, with the calls after the measured iterations."""
    attribution, batched = result.caller_attribution, result.batched_readings
    after = attribution.iterations if attribution is not None else 0
    return len(result.iterations) + after + (batched.readings * batched.calls if batched is not None else 0)


def _start(iteration: Iteration) -> float:
    return datetime.fromisoformat(iteration.started_at).timestamp()


def _run(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> tuple[str, float]:
    """Return standard error and the processor time of a program and the children that it waited for."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            pid, _, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.05)
        process.returncode = 0  # waited for above
        errors.seek(0)
        return errors.read().strip(), usage.ru_utime + usage.ru_stime
