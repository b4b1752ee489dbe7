"""Measure a version of a package: with this tool, and with a plain loop without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.packages.cases import FOLDER, Case, Version
from benchmarks.packages.environments import environment
from benchmarks.tool_runs import ROOT, read_result

TIMEOUT_SECONDS = 600.0

LEAKS = ("leaking", "native-leak")
"""Verdicts that report a leak."""

ALARMS = (*LEAKS, "creeping", "idle", "failed")
"""Verdicts that are wrong for a fixed version."""


class PackageVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a version, with its figures."""

    case: str
    version: Version
    state: str
    channels: dict[str, float] = {}
    """Bytes per iteration: retained, peak, native, process."""
    first: str = ""
    """The first line, or the first holder if there is no line."""
    seconds: float = 0.0
    detail: str = ""

    def is_right(self) -> bool:
        """Return whether the verdict is right for the version."""
        return self.state in LEAKS if self.version == "leaky" else self.state not in ALARMS


def ask(case: Case, version: Version, envs: Path, iterations: int, keep: Path | None) -> PackageVerdict:
    """Return our verdict; the result stays in the folder ``keep`` if given. Raises ``UnavailableError``."""
    python = environment(case, version, envs)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = (keep or Path(folder)) / f"{case.name}-{version}.json"
        command = [sys.executable, "-m", "otel_memeval", str(case.path()), "--python", str(python)]
        command += ["--iterations", str(iterations), "--warmup", "3", "--json", str(path), "--quiet"]
        path.unlink(missing_ok=True)
        errors = _run(command, dict(os.environ))[1]
        seconds = round(time.perf_counter() - start, 1)
        if not path.exists():
            detail = errors.strip()[-300:]
            return PackageVerdict(case=case.name, version=version, state="failed", seconds=seconds, detail=detail)
        result = json.loads(path.read_bytes())["runs"][0]
    answer = read_result(result)
    holder = str(answer.extra["holder"])
    return PackageVerdict(
        case=case.name,
        version=version,
        state=str(answer.extra["state"]),
        channels={name: round(slope, 1) for name, slope in answer.extra["channels"].items()},  # type: ignore[attr-defined]
        first=f"{_short(answer.file)}:{answer.line}" if answer.file else holder,
        seconds=seconds,
        detail=answer.detail.replace(str(envs), "ENVS").replace(str(ROOT), "."),
    )


def confirm(case: Case, version: Version, envs: Path, iterations: int) -> dict[str, list[float]]:
    """Return the bytes per iteration that a plain loop keeps, in each of its last two thirds.

    ``heap``: the C heap, with Python's own allocator switched off; ``resident``: resident memory. Raises
    ``UnavailableError``.
    """
    python = environment(case, version, envs)
    settings = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    command = [str(python), str(FOLDER / "confirm.py"), str(case.path()), str(iterations)]
    output, errors = _run(command, {**os.environ, **settings})
    for line in output.splitlines():
        if line.startswith('{"heap"'):
            return msgspec.json.decode(line, type=dict[str, list[float]])
    raise RuntimeError(f"{case.name} {version}: {errors.strip()[-300:]}")


def _short(file: str) -> str:
    """Return the path in the packages of the environment, or the name of the file."""
    return file.partition("/site-packages/")[2] or Path(file).name


def _run(command: list[str], variables: dict[str, str]) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"took more than {TIMEOUT_SECONDS:g} seconds"
    return done.stdout, done.stderr
