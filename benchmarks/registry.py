"""Find the scenarios of the corpus by name. Their truth is read in this process; they never run here."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from benchmarks.corpus.ground import Scenario

FOLDER = Path(__file__).parent / "corpus"
MODULES = (
    "leaks_python",
    "leaks_shapes",
    "leaks_objects",
    "leaks_async",
    "leaks_native",
    "field",
    "field_holders",
    "field_paths",
    "packages",
    "leaks_resources",
    "clean",
    "clean_native",
    "clean_settling",
    "clean_resources",
    "bounded",
    "field_clean",
    "creep",
)


def scenarios(pattern: str = "") -> list[Scenario]:
    """Return the scenarios with ``pattern``, a regular expression, in their ``module:name``, in the order of their files."""
    found: list[Scenario] = []
    for module in MODULES:
        contents = vars(importlib.import_module(f"benchmarks.corpus.{module}"))
        found.extend(value for value in contents.values() if isinstance(value, Scenario))
    return [scenario for scenario in found if re.search(pattern, target_name(scenario))]


def target_name(scenario: Scenario) -> str:
    """Return ``module:name``."""
    return f"{scenario.module}:{scenario.name}"


def target(scenario: Scenario) -> str:
    """Return the target for the command line, relative to the folder above this package."""
    return f"benchmarks/corpus/{scenario.file}:{scenario.name}"
