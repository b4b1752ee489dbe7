"""Describe a misbehaving scenario by a few lines of code and the expected end, and try it with the real command."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.faults.fault import CommandResult, Fault, FaultFailure, Trial, expect

ITERATIONS = 5
MISBEHAVING = 3
"""The call that misbehaves; the other iterations keep 10,000 bytes each."""

MOST_SECONDS = 45.0
"""Longest time of one run, its slowest waits included: 10 s for a worker that does not end, 10 s for one call."""

_HEAD = """\
import asyncio, atexit, builtins, contextlib, ctypes, faulthandler, gc, inspect, io, json, locale, logging, os, queue, random
import resource, select, signal, socket, subprocess, sys, tempfile, threading, time, tracemalloc, types, warnings, weakref
KEPT = []
CALLS = iter(range(1, 1000))
"""

Runs = list[dict[str, object]]
Check = Callable[[CommandResult, Runs], None]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Code that misbehaves, and the place where it runs.

    ``place``: ``run`` or ``async run`` (in the third call), ``import``, ``setup``, ``describe``, ``teardown``, each also with
    ``async`` before it. ``more``: code of the module before its functions. ``last``: the last line of each call.
    """

    code: str
    place: str = "run"
    more: str = ""
    last: str = "pass"
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def source(self) -> str:
        """Return the module."""
        name = self.place.rpartition(" ")[2]
        kind = "async " if self.place.startswith("async ") else ""
        if name == "import":
            return f"{_HEAD}{self.more}\n{self.code}\ndef run(): KEPT.append(bytearray(10_000))\n"
        hook = "" if name == "run" else f"{kind}def {name}():\n{textwrap.indent(self.code, '    ')}\n"
        misbehaving = (
            f"    if next(CALLS) == {MISBEHAVING}:\n{textwrap.indent(self.code, ' ' * 8)}\n" if name == "run" else ""
        )
        kind = kind if name == "run" else ""
        return f"{_HEAD}{self.more}\n{hook}\n{kind}def run():\n{misbehaving}    KEPT.append(bytearray(10_000))\n    {self.last}\n"


def measure(trial: Trial, scenario: Scenario, **options: object) -> tuple[CommandResult, Runs]:
    """Return the result of a run of five iterations, and the runs in its result file; none if there is no file."""
    trial.write("scenario.py", scenario.source())
    counts = ("--iterations", str(ITERATIONS), "--warmup", "0", "--timeout", "10", "--json", "result.json")
    result = trial.run(
        "scenario.py",
        *counts,
        *scenario.options,
        environment=scenario.environment,
        seconds=MOST_SECONDS,
        **options,  # type: ignore[arg-type]
    )
    expect("reinstall" not in result.output, "said to reinstall the tool, which is no remedy")
    path = trial.folder / "result.json"
    left = [name.name for name in trial.folder.glob(".result*")]
    expect(not left, f"left a part of a file: {left}")
    if not path.exists():
        return result, []
    try:
        return result, json.loads(path.read_bytes())["runs"]
    except ValueError as error:
        raise FaultFailure(f"the result file is torn: {error}") from error


def errors(run: dict[str, object]) -> list[str]:
    """Return ``ok`` or the type of the error of each iteration."""
    iterations: list[dict[str, dict[str, str] | None]] = run["iterations"]  # type: ignore[assignment]
    return ["ok" if (error := iteration["error"]) is None else error["type"] for iteration in iterations]


def state(run: dict[str, object]) -> str:
    """Return the state of the verdict."""
    verdict: dict[str, str] = run["verdict"]  # type: ignore[assignment]
    return verdict["state"]


def measured(result: CommandResult, runs: Runs) -> None:
    """Expect that the misbehaviour changes nothing: the leak of the other lines is found."""
    expect(len(runs) == 1, f"status {result.status} and no result: {last_line(result)}")
    found = errors(runs[0])
    expect(found == ["ok"] * ITERATIONS, f"iterations ended with {', '.join(found)}: {last_line(result)}")
    expect(state(runs[0]) == "leaking", f"the verdict is {state(runs[0])}")
    expect(result.status == 1, f"status {result.status}, not 1: {last_line(result)}")


def failed(*types: str, words: str = "", before: int = MISBEHAVING - 1, status: int = 3) -> Check:
    """Return a check that the third iteration fails with an error of one of the ``types``, and that the report has the words."""

    def check(result: CommandResult, runs: Runs) -> None:
        expect(result.status == status, f"status {result.status}, not {status}: {last_line(result)}")
        expect(len(runs) == 1, f"no result: {last_line(result)}")
        found = errors(runs[0])
        expect(found[:before] == ["ok"] * before, f"the iterations before it ended with {', '.join(found)}")
        expect(len(found) > before and found[before] in types, f"ended with {found[before:]}, not {types}")
        expect(words in result.output, f"nobody says {words!r}: {last_line(result)}")

    return check


def set_up_failed(*types: str, words: str = "") -> Check:
    """Return a check that the run fails before the first iteration."""

    def check(result: CommandResult, runs: Runs) -> None:
        expect(result.status == 3, f"status {result.status}, not 3: {last_line(result)}")
        expect(len(runs) == 1 and not errors(runs[0]), f"no result without iterations: {last_line(result)}")
        failure: dict[str, str] = runs[0]["failure"]  # type: ignore[assignment]
        expect(failure["type"] in types, f"failed with {failure}, not {types}")
        expect(words in result.output, f"nobody says {words!r}: {last_line(result)}")

    return check


def tear_down_failed(result: CommandResult, runs: Runs) -> None:
    """Expect that a failure after the last iteration keeps the verdict, and that the failure is named."""
    expect(len(runs) == 1, f"no result: {last_line(result)}")
    expect(errors(runs[0]) == ["ok"] * ITERATIONS, f"iterations ended with {errors(runs[0])}")
    expect(state(runs[0]) == "leaking", f"the verdict is {state(runs[0])}")
    expect(result.status == 1, f"status {result.status}, not 1: {last_line(result)}")
    expect(runs[0]["failure"] is not None, "the failure of the tear-down is not named")


def rejected(words: str = "scenario") -> Check:
    """Return a check that the target cannot be loaded: status 2 and one line of the tool, its last one."""

    def check(result: CommandResult, runs: Runs) -> None:
        expect(result.status == 2, f"status {result.status}, not 2: {last_line(result)}")
        expect(not runs, "there is a result")
        expect(words in last_line(result), f"the last line is {last_line(result)!r}, without {words!r}")

    return check


def measured_or(check: Check) -> Check:
    """Return a check that holds if the misbehaviour changes nothing, or if ``check`` holds."""

    def either(result: CommandResult, runs: Runs) -> None:
        try:
            measured(result, runs)
        except FaultFailure:
            check(result, runs)

    return either


def last_line(result: CommandResult) -> str:
    """Return the last line of a command that is not the hint about telemetry."""
    lines = [line for line in result.output.strip().splitlines() if not line.startswith("nothing was sent")]
    return lines[-1][:300] if lines else "no output"


def misbehaviour(name: str, check: Check, scenario: Scenario, *, in_ci: bool = False) -> Fault:
    """Return the fault: the scenario is measured, and the check has to hold."""

    def attempt(trial: Trial) -> None:
        check(*measure(trial, scenario))

    return Fault(name, attempt, in_ci)


def table(
    check: Check, codes: Mapping[str, str], *, place: str = "run", more: str = "", in_ci: Sequence[str] = ()
) -> list[Fault]:
    """Return a fault for each piece of code, all with the same place and the same expected end."""
    return [
        misbehaviour(name, check, Scenario(code=code, place=place, more=more), in_ci=name in in_ci)
        for name, code in codes.items()
    ]
