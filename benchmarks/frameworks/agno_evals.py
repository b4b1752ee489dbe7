"""Run agno's own evals as they are in its repository (``cookbook/09_evals/performance``), of which nothing is kept here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from benchmarks.frameworks.measure import Measurement, measure
from benchmarks.packages.environments import UnavailableError

CHECKOUT_VARIABLE = "MEMEVAL_AGNO_CHECKOUT"
FOLDER = Path("cookbook", "09_evals", "performance")
MAX_ITERATIONS = 20
"""Some evals ask for a thousand iterations."""


def eval_files() -> list[Path]:
    """Return the evals of the checkout that the variable names; each is a file. Raises ``UnavailableError``."""
    checkout = os.environ.get(CHECKOUT_VARIABLE)
    if not checkout:
        raise UnavailableError(f"set {CHECKOUT_VARIABLE} to a checkout of https://github.com/agno-agi/agno")
    files = sorted((Path(checkout).resolve() / FOLDER).glob("[a-z]*.py"))
    if not files:
        raise UnavailableError(f"{CHECKOUT_VARIABLE}: there is no file in {FOLDER} below {checkout}")
    return files


def measure_evals(files: list[Path], python: Path, environment: Mapping[str, str]) -> Iterator[Measurement]:
    """Yield a measurement of each eval. They run in the folder for the scenario's files, where they make databases."""
    folder = Path(environment["TEAM_FOLDER"])
    (folder / "tmp").mkdir(exist_ok=True)
    for file in files:
        options = ["--iterations", str(MAX_ITERATIONS), "--warmup", "3"]
        variables = {**environment, "AGNO_TELEMETRY": "false"}
        for measurement in measure(str(file), file.stem, python, variables, options, cwd=folder):
            yield msgspec.structs.replace(measurement, summary=measurement.summary.replace(f"{file.parent}/", ""))
