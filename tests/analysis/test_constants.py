"""The table of constants in docs/verdicts.md is complete and has the values of the code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.constants import JudgedRun, change, changed_values, constants, effect
from otel_memeval.analysis import judge, noise, rises, trend

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "verdicts.md"
HEADING = "## Constants"
COLUMNS = 6


class Row(NamedTuple):
    """A row of the table."""

    name: str
    value: object
    cells: tuple[str, ...]


def table() -> list[Row]:
    """Return the rows of the table; the name of a constant is in backticks below the name of its module."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[2]
    rows = []
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split(" | "))
        if line.startswith("| `"):
            rows.append(Row(cells[0].strip("`"), ast.literal_eval(cells[1].strip("`")), cells))
    return rows


def test_table_has_each_constant_once_with_its_value() -> None:
    """Every upper-case name of the analysis is in the table with the same value, in the same order, and nothing else."""
    assert [(row.name, row.value) for row in table()] == [
        (f"{constant.module}.{constant.name}", constant.value) for constant in constants()
    ]


@pytest.mark.parametrize("row", table(), ids=lambda row: row.name)
def test_row_says_what_breaks_on_either_side(row: Row) -> None:
    """A row has a value, a unit, the benchmark or test that sets it, and the effect of a smaller and a larger value."""
    assert len(row.cells) == COLUMNS
    assert all(row.cells)


def test_constant_is_changed_in_every_module_that_imports_it() -> None:
    """A changed constant reaches its own module and those that imported its name; others of that name stay."""
    before = trend.MIN_STEPS, rises.MIN_PACE
    try:
        change("trend", "MIN_STEPS", 7)
        assert (trend.MIN_STEPS, vars(judge)["MIN_STEPS"]) == (7, 7)
        change("rises", "MIN_PACE", 0.9)
        assert vars(rises)["MIN_PACE"] == 0.9
        assert noise.MIN_PACE == 0.5
    finally:
        change("trend", "MIN_STEPS", before[0])
        change("rises", "MIN_PACE", before[1])


@pytest.mark.parametrize(
    ("value", "tried"),
    [(3, [2, 4]), (5, [4, 6]), (20, [10, 40]), (0.5, [0.25, 1.0]), (True, []), (("list",), [])],
)
def test_constant_is_halved_and_doubled(value: object, tried: list[float]) -> None:
    """A small integer is changed by 1, another number by the factor, and anything else is left alone."""
    assert changed_values(value, 2) == tried


def cases(states: str, **changes: object) -> list[JudgedRun]:
    """Return judged runs of harmless scenarios a, b, d, e and of the leak c, with these states."""
    return [
        JudgedRun(name, name != "c", state, changes.get(name)) for name, state in zip("abcde", states.split(), strict=True)
    ]


def test_effect_names_new_and_repaired_errors() -> None:
    """A verdict that becomes wrong or right is counted as an error, another state as a change, other figures as figures."""
    before = cases("stable leaking leaking stable idle")
    after = cases("creeping stable stable settling idle", e=1)
    assert effect(before, after) == (
        "+false alarms 1 (a 1); +misses 1 (c 1); -false alarms 1 (b 1); figures 1 (e 1); stable is settling 1 (d 1)"
    )
    assert effect(before, before) == "nothing"
