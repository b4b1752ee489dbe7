"""Run small scenarios with the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from otel_memeval.records import Result, Verdict, from_json

SCENARIO = textwrap.dedent(
    '''
    import os
    import subprocess
    import sys

    from otel_memeval import PerformanceEval

    KEPT = []
    MESSAGES = [0]


    def clean():
        return len([bytes(1000) for _ in range(100)])


    PROGRAM = "import sys; kept = [(bytearray(1 << 18), print(flush=True)) for line in sys.stdin]"


    def start_child():
        global child
        child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


    def leaking():
        KEPT.append(bytearray(64 * 1024))
        os.open(os.devnull, os.O_RDONLY)
        os.write(child.stdin.fileno(), b"\\n")
        os.read(child.stdout.fileno(), 1)


    def creeping():
        """A context that becomes longer."""
        MESSAGES[0] += 1
        return len(bytearray(64 * 1024 * MESSAGES[0]))


    def failing():
        raise RuntimeError("no answer")


    EVALS = {
        "clean": PerformanceEval(func=clean, name="clean", num_iterations=8, warmup_runs=1),
        "leaking": PerformanceEval(func=leaking, name="leaking", setup=start_child, num_iterations=8, warmup_runs=1),
        "creeping": PerformanceEval(func=creeping, name="creeping", num_iterations=8, warmup_runs=1),
        "failing": PerformanceEval(func=failing, name="failing", num_iterations=2, warmup_runs=0),
    }
    clean_eval, leaking_eval, creeping_eval, failing_eval = EVALS.values()
    '''
)
STATES = {"clean": "stable", "leaking": "leaking", "creeping": "creeping", "failing": "failed"}


def measured(
    folder: Path, *options: str, scenario: str = SCENARIO, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Result]:
    """Run the four evals of a scenario and return their results by name; ``options`` of the command line apply to all.

    ``environment`` is added to that of this process.
    """
    path = folder / "scenario.py"
    path.write_text(scenario, encoding="utf-8")
    command = [sys.executable, "-m", "otel_memeval", path.name, "--json", "-", *options]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    runs = {run.eval.name: run for run in from_json(done.stdout.encode())}
    assert {name: run.verdict.state for name, run in runs.items()} == STATES, done.stderr
    return runs


def without_leak(result: Result) -> Result:
    """Return the result of the eval as if it kept nothing."""
    verdict = Verdict(state="stable", summary="keeps nothing", reasons=[])
    return msgspec.structs.replace(result, verdict=verdict, sites=[], holders=[], resources=None)
