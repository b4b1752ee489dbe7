"""Find the effect of each constant of the analysis: ``python -m benchmarks.constants FILE [--only PATTERN] [--tests]``.

Each numeric constant is set to half and to double of its value (``--factor``; a small integer to its neighbours). Then the
recordings of ``FILE`` (of ``benchmarks.record``) and series of each simulated family are judged, and verdicts that differ
are counted; with ``--tests`` the tests of the analysis are run instead, and those that fail are named. Nothing is measured.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import otel_memeval.analysis
from benchmarks.recording import Recording, read
from benchmarks.registry import scenarios, target_name
from benchmarks.simulated import HARMLESS, LEAKS
from benchmarks.simulation.series import CALL_SECONDS
from benchmarks.tool_runs import ALARMS, ROOT
from otel_memeval.analysis.assessment import Assessment, assess
from otel_memeval.analysis.batched_readings import calls_between_readings

PACKAGE = otel_memeval.analysis.__name__
SMALL = 5
"""Integers up to this one are changed by 1 instead of by half."""

TESTS = ("tests/analysis", "--ignore=tests/analysis/test_properties.py")
"""Without the properties of any evidence, which hold for any constants and take most of the time."""

ITERATIONS = (4, 7, 10, 20, 40)
"""Iterations of the simulated runs, in turn."""

CASE_CALL_SECONDS = (CALL_SECONDS, 0.04)
"""Durations of a call for which the calls between batched readings are compared."""


class Constant(NamedTuple):
    """A constant of a module of the analysis."""

    module: str
    """Name below the package."""
    name: str
    value: object


def constants() -> list[Constant]:
    """Return all upper-case names that modules of the analysis assign, in order."""
    found = []
    for path in sorted(Path(next(iter(otel_memeval.analysis.__path__))).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for statement in tree.body:
            if isinstance(statement, ast.Assign):
                targets: Sequence[ast.expr] = statement.targets
            elif isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            else:
                continue
            for name in (target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()):
                value = getattr(importlib.import_module(f"{PACKAGE}.{path.stem}"), name)
                found.append(Constant(path.stem, name, value))
    return found


def changed_values(value: object, factor: int) -> list[float]:
    """Return the values below and above that are tried; none for a constant that is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    if isinstance(value, int):
        return [value - 1, value + 1] if value <= SMALL else [value // factor, factor * value]
    return [value / factor, factor * value]


def change(module: str, name: str, value: object) -> None:
    """Set a constant in its module and in every module of ours that has imported it."""
    owner = f"{PACKAGE}.{module}"
    setattr(importlib.import_module(owner), name, value)
    for imported in list(sys.modules.values()):
        if not imported.__name__.startswith(("otel_memeval.", "benchmarks.")) or imported.__file__ is None:
            continue
        source = Path(imported.__file__).read_text(encoding="utf-8")
        for statement in ast.parse(source).body if owner in source else ():
            imports = isinstance(statement, ast.ImportFrom) and statement.module == owner
            if imports and any(alias.name == name for alias in statement.names):  # type: ignore[attr-defined]
                setattr(imported, name, value)


@dataclass(frozen=True)
class JudgedRun:
    """A judged run: whether it is harmless, its state, and all other figures of the report."""

    name: str
    harmless: bool
    state: str
    figures: object

    @property
    def error(self) -> str:
        """Return how the state is wrong; empty if it is right."""
        if self.state == "inconclusive":
            return "undecided" if self.harmless else "undecided leaks"
        alarm = self.state in ALARMS
        return ("false alarms" if alarm else "") if self.harmless else ("" if alarm else "misses")


def judged(recordings: Sequence[Recording], series: int, pattern: str) -> Iterator[JudgedRun]:
    """Judge all recordings and simulated series of families with ``pattern`` in their name, with the present constants."""
    kinds = {target_name(scenario): scenario.kind for scenario in scenarios()}
    for recorded in recordings:
        harmless = kinds[recorded.target] in ("clean", "bounded")
        yield _judged_run(recorded.target, harmless, assess(recorded.evidence()))
    for family in (*HARMLESS, *LEAKS):
        for seed in range(series if re.search(pattern, family.name) else 0):
            assessment = family.assessed(seed, ITERATIONS[seed % len(ITERATIONS)], 3)
            yield _judged_run(family.name, family in HARMLESS, assessment)


def _judged_run(name: str, harmless: bool, assessment: Assessment) -> JudgedRun:
    judgement = assessment.judgement
    figures = (
        assessment.growth,
        [(site.key, site.bytes_per_iteration, site.bounded) for site in assessment.sites],
        [holder.path for holder in assessment.holders],
        judgement.leaking_channels,
        judgement.iterations_needed,
        judgement.reasons,
        [calls_between_readings(assessment, [seconds]) for seconds in CASE_CALL_SECONDS],
    )
    return JudgedRun(name, harmless, judgement.state, figures)


def effect(before: Sequence[JudgedRun], after: Sequence[JudgedRun]) -> str:
    """Return in words how the verdicts differ."""
    kinds: dict[str, Counter[str]] = {}
    for old, new in zip(before, after, strict=True):
        if old.error != new.error:
            for sign, error in (("-", old.error), ("+", new.error)):
                if error:
                    kinds.setdefault(f"{sign}{error}", Counter())[old.name] += 1
        elif old.state != new.state:
            kinds.setdefault(f"{old.state} is {new.state}", Counter())[old.name] += 1
        elif old.figures != new.figures:
            kinds.setdefault("figures", Counter())[old.name] += 1
    parts = []
    for kind, names in kinds.items():
        examples = ", ".join(f"{name} {count}" for name, count in names.most_common(3))
        parts.append(f"{kind} {names.total()} ({examples}{', ...' if len(names) > 3 else ''})")
    return "; ".join(sorted(parts)) or "nothing"


@dataclass(frozen=True)
class Data:
    """The runs that are judged."""

    file: Path | None
    series: int
    families: str

    def cases(self) -> list[JudgedRun]:
        """Judge all runs with the present constants."""
        return list(judged(read(self.file) if self.file is not None else [], self.series, self.families))


def _effect(constant: Constant, value: float, data: Data, before: Sequence[JudgedRun]) -> str:
    change(constant.module, constant.name, value)
    try:
        return effect(before, data.cases())
    except Exception as error:  # noqa: BLE001 - a value that the analysis cannot work with is an effect
        return f"{type(error).__name__}: {error}"
    finally:
        change(constant.module, constant.name, constant.value)


def _failing_tests(constant: Constant, value: float) -> str:
    code = (
        "import sys, pytest; from benchmarks.constants import change\n"
        f"change({constant.module!r}, {constant.name!r}, {value!r})\n"
        f"sys.exit(pytest.main(['-q', '--no-header', '--tb=no', '-p', 'no:cacheprovider', *{TESTS!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    failed = re.findall(r"^FAILED \S+?::(\w+)", done.stdout, re.MULTILINE)
    return ", ".join(dict.fromkeys(failed)) or "nothing"


def main() -> None:
    """Change each constant, compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.constants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="recordings of benchmarks.record")
    parser.add_argument("--series", type=int, default=50, metavar="N", help="of each simulated family (default 50)")
    parser.add_argument("--families", default="", metavar="PATTERN", help="families in whose name this is found")
    parser.add_argument("--factor", type=int, default=2, metavar="N", help="divide and multiply by this (default 2)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="constants in whose module.NAME this is found")
    parser.add_argument("--tests", action="store_true", help="run the tests of the analysis instead")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time (default 2)")
    arguments = parser.parse_args()
    chosen = [constant for constant in constants() if re.search(arguments.only, f"{constant.module}.{constant.name}")]
    settings = [(constant, value) for constant in chosen for value in changed_values(constant.value, arguments.factor)]
    data = Data(arguments.file, arguments.series, arguments.families)
    before = [] if arguments.tests else data.cases()
    print(f"{len(before)} cases")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for constant in chosen:
            if not changed_values(constant.value, arguments.factor):
                print(f"{constant.module}.{constant.name} = {constant.value!r}: no number")
        if arguments.tests:
            effects = pool.map(_failing_tests, *zip(*settings))
        else:
            effects = pool.map(_effect, *zip(*((*setting, data, before) for setting in settings)))
        for (constant, value), text in zip(settings, effects):
            print(f"{constant.module}.{constant.name} = {constant.value!r}, set to {value!r}: {text}", flush=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
