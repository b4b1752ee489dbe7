"""Run a tool on a scenario in a fresh process and return its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.corpus.ground import SEED_VARIABLE, Scenario
from benchmarks.registry import target
from benchmarks.tools.answer import ToolAnswer, parse_answer

ROOT = Path(__file__).parent.parent
TIMEOUT_SECONDS = 180.0

PROGRAMS = {
    "naive": ("benchmarks.tools.naive", ()),
    "agno": ("benchmarks.tools.agno_eval", ("agno", "rich")),
    "memray": ("benchmarks.tools.memray_limit", ("pytest", "pytest_memray")),
    "psleak": ("benchmarks.tools.psleak_test", ("psleak",)),
}
"""For each tool but ours: the module that runs it, and the packages that it imports."""

TOOLS = ("ours", *PROGRAMS)

WITHOUT_CODE_BOUNDS = "ours-without-code-bounds"
"""This tool while it reads no code for the bounds of containers: not compared unless it is named."""

NO_CODE_BOUNDS_VARIABLE = "MEMEVAL_NO_CODE_BOUNDS"

ALARMS = ("leaking", "native-leak", "creeping")
"""Verdicts of ours that report a leak or creep."""


@dataclass(frozen=True)
class Settings:
    """Settings of all runs."""

    iterations: int
    warmup: int
    python: str
    """Interpreter of the scenario, under every tool."""


def is_ours(tool: str) -> bool:
    """Return whether the name stands for this tool, with or without a part of it."""
    return tool in ("ours", WITHOUT_CODE_BOUNDS)


def missing(tool: str, python: str) -> list[str]:
    """Return the packages of the tool that the interpreter cannot import."""
    if is_ours(tool):
        return []
    names = PROGRAMS[tool][1]
    code = f"import importlib.util as u; print(*[n for n in {names!r} if u.find_spec(n) is None])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def ask(tool: str, scenario: Scenario, seed: int, settings: Settings) -> ToolAnswer:
    """Return the answer of the tool. A tool that crashes or takes too long flags nothing: ``detail`` says so."""
    environment = {**os.environ, SEED_VARIABLE: str(seed), "PYTHONUNBUFFERED": "1"}
    if tool == WITHOUT_CODE_BOUNDS:
        environment[NO_CODE_BOUNDS_VARIABLE] = "1"
    start = time.perf_counter()
    answer = _ask_us(scenario, environment, settings) if is_ours(tool) else _ask(tool, scenario, environment, settings)
    return replace(answer, seconds=round(time.perf_counter() - start, 3))


def _run(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"took more than {TIMEOUT_SECONDS:g} seconds"
    return done.stdout, done.stderr


def _ask(tool: str, scenario: Scenario, environment: dict[str, str], settings: Settings) -> ToolAnswer:
    if tool == "psleak":
        environment = {**environment, "PYTHONMALLOC": "malloc"}
    numbers = [str(settings.iterations), str(settings.warmup)]
    command = [settings.python, "-m", PROGRAMS[tool][0], scenario.module, scenario.name, *numbers]
    output, errors = _run(command, environment)
    return parse_answer(output) or ToolAnswer(flagged=False, detail=f"no answer: {errors.strip()[-300:]}")


def _ask_us(scenario: Scenario, environment: dict[str, str], settings: Settings) -> ToolAnswer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", "otel_memeval", target(scenario), "--iterations", str(settings.iterations)]
        command += ["--warmup", str(settings.warmup), "--json", str(path), "--quiet", "--python", settings.python]
        _, errors = _run(command, environment)
        if not path.exists():
            return ToolAnswer(flagged=False, detail=f"no answer: {errors.strip()[-300:]}", extra={"state": "no answer"})
        return read_result(json.loads(path.read_bytes())["runs"][0])


def read_result(result: dict[str, dict[str, object]]) -> ToolAnswer:
    """Return our answer from the result."""
    state = str(result["verdict"]["state"])
    sites: list[dict[str, object]] = result["sites"]  # type: ignore[assignment]
    holders: list[dict[str, object]] = result["holders"]  # type: ignore[assignment]
    growth: dict[str, dict[str, float] | None] = result["growth"]  # type: ignore[assignment]
    slopes = {name: channel["bytes_per_iteration"] for name, channel in growth.items() if channel}
    leaking: list[str] = result["verdict"]["channels"]  # type: ignore[assignment]
    leaked = sum(slopes.get(name, 0.0) for name in leaking) or slopes.get("retained")
    resources: dict[str, dict[str, object] | None] = result.get("resources") or {}  # type: ignore[assignment]
    added = {name: resource["per_iteration"] for name, resource in resources.items() if resource and resource["growing"]}
    made_at: list[dict[str, object]] = [
        line
        for resource in resources.values()
        if resource
        for line in resource.get("made_at", [])  # type: ignore[attr-defined]
    ]
    sites = made_at[:1] or sites
    return ToolAnswer(
        flagged=state in ALARMS,
        detail=str(result["verdict"]["summary"]),
        file=str(sites[0]["file"]) if sites else "",
        line=int(str(sites[0]["line"])) if sites else 0,
        bytes_per_iteration=slopes.get("peak") if state == "creeping" else leaked,
        extra={
            "state": state,
            "holder": holders[0]["path"] if holders else "",
            "channels": {**slopes, **added},
            "resources": sorted(added),
            "holders": [holder["path"] for holder in holders],
            "iterations_needed": result["verdict"]["iterations_needed"],
        },
    )
