"""Measure real leaks in published packages, and the fixed versions: ``python -m benchmarks.packages [PATTERN]``.

Makes an environment for each version with exactly the pins of ``cases.json`` (kept in the user's cache, or ``--envs DIR``),
runs the scenario there through ``--python``, and prints found leaks, missed leaks, and false alarms. ``--confirm`` leaves
this tool out: it runs the same scenarios in a plain loop and prints the memory that each version keeps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import re
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from benchmarks.packages.cases import VERSIONS, Case, Version, read_cases
from benchmarks.packages.environments import UnavailableError, default_folder, environment
from benchmarks.packages.package_verdict import PackageVerdict, ask, confirm
from benchmarks.packages.table import summary, table


def main() -> None:
    """Run the cases and print the table; exit with 1 if a leak was missed or a fixed version flagged."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="", help="cases whose name matches")
    parser.add_argument("--envs", metavar="DIR", type=Path, default=default_folder())
    parser.add_argument("--iterations", metavar="N", type=int, help="60; with --confirm 600")
    parser.add_argument("--jobs", metavar="N", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the verdicts")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep each run's own result")
    parser.add_argument("--confirm", action="store_true", help="without this tool: the memory that a plain loop keeps")
    arguments = parser.parse_args()
    chosen = [case for case in read_cases() if re.search(arguments.pattern, case.name)]
    envs: Path = arguments.envs.resolve()
    _prepare(chosen, envs)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        if arguments.confirm:
            print("| case | leaky | C heap | resident | fixed | C heap | resident |\n|---|---|--:|--:|---|--:|--:|")
            for row in pool.map(lambda case: _confirmed(case, envs, arguments.iterations or 600), chosen):
                print(row, flush=True)
            return
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
        iterations = arguments.iterations or 60
        pairs = [(case, version) for case in chosen for version in VERSIONS]
        verdicts = list(pool.map(lambda pair: _verdict(pair[0], pair[1], envs, iterations, arguments.keep), pairs))
    print(table(chosen, verdicts))
    print(summary(chosen, verdicts))
    if arguments.json:
        content = {
            "command": _command(arguments.pattern, iterations, arguments.jobs),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "verdicts": msgspec.to_builtins(verdicts),
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(not verdict.is_right() for verdict in verdicts))


def _command(pattern: str, iterations: int, jobs: int) -> str:
    """Return the command that makes the same table elsewhere: without the folders of this machine."""
    chosen = [pattern] if pattern else []
    return shlex.join(["python", "-m", "benchmarks.packages", *chosen, "--iterations", str(iterations), "--jobs", str(jobs)])


def _prepare(cases: list[Case], envs: Path) -> None:
    """Make the environments one after the other, because cases may share one; a failure is reported with the verdict."""
    for case in cases:
        for version in VERSIONS:
            with contextlib.suppress(UnavailableError):
                environment(case, version, envs)


def _verdict(case: Case, version: Version, envs: Path, iterations: int, keep: Path | None) -> PackageVerdict:
    try:
        verdict = ask(case, version, envs, iterations, keep)
    except UnavailableError as unavailable:
        verdict = PackageVerdict(case=case.name, version=version, state="unavailable", detail=str(unavailable))
    print(f"{verdict.state:14}{case.name} {case.pins(version)[0]} {verdict.first}", file=sys.stderr, flush=True)
    return verdict


def _confirmed(case: Case, envs: Path, iterations: int) -> str:
    """Return the row of a case: bytes per iteration that each version keeps, over the last third."""
    cells = [case.name]
    for version in VERSIONS:
        try:
            kept = confirm(case, version, envs, iterations)
        except (UnavailableError, RuntimeError) as error:
            cells += [case.pins(version)[0], str(error), ""]
            continue
        cells += [case.pins(version)[0].replace("==", " "), f"{kept['heap'][-1]:,.0f}", f"{kept['resident'][-1]:,.0f}"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
