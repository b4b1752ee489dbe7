"""Find the commit that brought a leak, and call no other one regressed.

    python -m benchmarks.regression [--repetitions 20]
    python -m benchmarks.regression --simulated 2000

A repository with 30 commits is made, with the leak in the 17th; each commit is measured with ``--history --baseline auto``.
The comparison of each run, ``compare``, the list of the history and ``git bisect run`` must name the 17th commit, and no
other one. With ``--simulated``, histories of 30 runs are made up instead, of levels that differ from run to run for no
reason: the changes that are called regressed are counted, and the change that is found in nine of ten runs is shown. Exits
with 1 if a commit is named wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, stdev

from benchmarks.tool_runs import ROOT
from otel_memeval.analysis.differences import Measured, Quantity, difference
from otel_memeval.analysis.quantities import LEVEL_FLOOR_BYTES, MEDIAN_SPREAD, MIN_EFFECT
from otel_memeval.records import Result, from_json

COMMITS = 30
LEAKS_FROM = 17
MEASURE = ("--iterations", "10", "--warmup", "2", "--no-follow-up", "-q")
ITERATIONS = 20
"""Of a simulated run."""

SOURCE = '''\
"""An agent that answers from a cache; commit {commit}."""

import functools
import random

{helpers}
HISTORY = []


@functools.lru_cache(maxsize=8)
def weather(city):
    return {{"city": city, "text": "sunny " * random.randrange(20, 40)}}


def run():
    messages = [{{"role": "user", "content": "x" * random.randrange({least}, {most})}} for _ in range(50)]
    answer = [weather(number % 8) for number, _ in enumerate(messages)]
    question = {{"role": "user", "content": "y" * 600 + answer[0]["text"]}}
    {kept}
    return len(answer)
'''


def source(commit: int) -> str:
    """Return the scenario of a commit: each moves lines and changes sizes a little; one keeps messages."""
    helpers = "".join(f"def helper_{number}():\n    return {number}\n\n\n" for number in range(commit % 7))
    kept = "HISTORY.append(question)" if commit >= LEAKS_FROM else "HISTORY[:] = [question]"
    return SOURCE.format(commit=commit, helpers=helpers, least=90 + commit % 3, most=120 + commit % 5, kept=kept)


@dataclass
class Repository:
    """The repository with its history of runs."""

    folder: Path
    commits: list[str] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        """Run git without the settings of this machine, and return its output."""
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout.strip()

    def make(self) -> None:
        """Make the commits."""
        self.git("init", "-q", "-b", "main")
        for commit in range(1, COMMITS + 1):
            (self.folder / "agent.py").write_text(source(commit))
            self.git("add", "agent.py")
            self.git("commit", "-q", "-m", f"commit {commit}")
            self.commits.append(self.git("rev-parse", "HEAD"))

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the tool in the repository."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "otel_memeval", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def measure(self, commit: int) -> tuple[Result, int]:
        """Measure a commit; return the result and the exit status."""
        self.git("checkout", "-q", "-B", "main", self.commits[commit - 1])
        file = self.folder.parent / "result.json"
        history = ("--history", str(self.folder.parent / "history"), "--baseline", "auto")
        done = self.tool("agent.py", *MEASURE, *history, "--json", str(file))
        return from_json(file.read_bytes())[0], done.returncode


def problems_of_repetition(folder: Path) -> Iterator[str]:
    """Yield one line for each commit that is named wrongly in one repetition."""
    repository = Repository(folder / "repository")
    repository.folder.mkdir()
    repository.make()
    leaking = repository.commits[LEAKS_FROM - 1]
    for commit in range(1, COMMITS + 1):
        result, status = repository.measure(commit)
        comparison = result.baseline_comparison
        assert comparison is not None
        since = comparison.since.commit if comparison.since is not None else ""
        expected = ("unknown" if commit == 1 else "unchanged", "", 0) if commit < LEAKS_FROM else ("regressed", leaking, 1)
        if (comparison.outcome, since, status) != expected:
            yield f"commit {commit}, status {status}: {comparison.summary}"
    history = ("--history", str(folder / "history"))
    for old, new, expected_outcome in (
        (16, 17, "regressed"),
        (17, 18, "unchanged"),
        (15, 16, "unchanged"),
        (30, 1, "improved"),
    ):
        names = (repository.commits[old - 1][:12], repository.commits[new - 1][:12])
        compared = json.loads(repository.tool("compare", *names, *history, "--json", "-").stdout)["evals"]
        if [found["comparison"]["outcome"] for found in compared] != [expected_outcome]:
            yield f"compare {old} {new}: {[found['comparison']['summary'] for found in compared]}"
    listed = repository.tool("history", "list", *history, "--last", "40").stdout
    lines = [line for line in listed.splitlines() if "agent.py:" in line]
    if len(lines) != 1 or leaking[:7] not in lines[0]:
        yield f"history names {lines}"
    repository.git("bisect", "start", repository.commits[-1], repository.commits[0])
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "otel_memeval", "agent.py", *MEASURE, "--bisect"]
    repository.git("bisect", "run", *command)
    found = repository.git("show", "-s", "--format=%s", "refs/bisect/bad")
    if found != f"commit {LEAKS_FROM}":
        yield f"bisect names {found}"


def measure(repetitions: int) -> bool:
    """Measure all repetitions, and print the result; return whether every commit was named rightly."""
    wrong = 0
    start = time.monotonic()
    for number in range(1, repetitions + 1):
        with tempfile.TemporaryDirectory() as name:
            for problem in problems_of_repetition(Path(name)):
                wrong += 1
                print(f"repetition {number}: {problem}")
    minutes = (time.monotonic() - start) / 60
    print(f"{repetitions} repetitions of {COMMITS} commits in {minutes:.1f} min: {wrong} wrong")
    return not wrong


Make = Callable[[random.Random], Measured]
LEVEL = Quantity("peak", "bytes", LEVEL_FLOOR_BYTES, MIN_EFFECT)


def runs_that_differ(between: float, within: float = 0.0, correlation: float = 0.0) -> Make:
    """Return a maker of levels of 1 MB: parts by which runs and iterations differ, and the correlation of neighbours."""

    def make(chance: random.Random) -> Measured:
        base = 1e6 * (1 + chance.gauss(0, between))
        error, values = 0.0, []
        for _ in range(ITERATIONS):
            error = correlation * error + chance.gauss(0, within * (1 - correlation**2) ** 0.5)
            values.append(base * (1 + error))
        return Measured(median(values), MEDIAN_SPREAD * stdev(values) / ITERATIONS**0.5)

    return make


def modes(part: float, chance_of_second: float) -> Make:
    """Return a maker of levels that are higher by a part in some runs."""
    return lambda chance: Measured(1e6 * (1 + part * (chance.random() < chance_of_second)), 0.0)


FAMILIES: dict[str, Make] = {
    "equal": runs_that_differ(0.0),
    "runs differ by 1%": runs_that_differ(0.01),
    "runs differ by 3%": runs_that_differ(0.03),
    "runs differ by 5%": runs_that_differ(0.05),
    "iterations differ by 10%": runs_that_differ(0.0, 0.1),
    "iterations differ by 30%": runs_that_differ(0.0, 0.3),
    "iterations by 10%, neighbours alike": runs_that_differ(0.0, 0.1, 0.8),
    "a second mode, +8%, in 10%": modes(0.08, 0.1),
    "a second mode, +20%, in 30%": modes(0.2, 0.3),
    "an unusual run, +50%, in 5%": modes(0.5, 0.05),
}


def simulate(histories: int) -> None:
    """Print how often a level is called regressed for no reason, and which change is found in nine of ten runs."""
    print("| levels                              | regressed for no reason | found: 1 run | 3 runs | 10 runs |")
    print("|-------------------------------------|-------------------------|--------------|--------|---------|")
    for name, make in FAMILIES.items():
        chance = random.Random(name)
        alarms = false_alarms(make, chance, histories)
        found = [f"{_found(make, chance, number):.0%}" for number in (1, 3, 10)]
        counted = f"{alarms:,} of {histories * (COMMITS - 1):,}"
        print(f"| {name:35} | {counted:>23} | {found[0]:>12} | {found[1]:>6} | {found[2]:>7} |")


def false_alarms(make: Make, chance: random.Random, histories: int) -> int:
    """Return the number of runs that are called regressed, in histories of 30 runs."""
    alarms = 0
    for _ in range(histories):
        values = [make(chance) for _ in range(COMMITS)]
        alarms += sum(
            difference(LEVEL, values[place], values[max(0, place - 10) : place]).outcome == "regressed"
            for place in range(1, COMMITS)
        )
    return alarms


def _found(make: Make, chance: random.Random, number: int) -> float:
    """Return the smallest change, in hundredths, that is found in nine of ten runs against a number of runs."""
    for part in range(5, 200):
        changed = 0
        for _ in range(100):
            value = make(chance)
            larger = Measured(value.value * (1 + part / 100), value.spread * (1 + part / 100))
            changed += difference(LEVEL, larger, [make(chance) for _ in range(number)]).outcome == "regressed"
        if changed >= 90:
            return part / 100
    return 2.0


def main() -> None:
    """Measure, or simulate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regression", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1, metavar="N")
    parser.add_argument("--simulated", type=int, metavar="N", help="histories of each family; nothing is measured")
    arguments = parser.parse_args()
    if arguments.simulated:
        simulate(arguments.simulated)
    elif not measure(arguments.repetitions):
        sys.exit(1)


if __name__ == "__main__":
    main()
