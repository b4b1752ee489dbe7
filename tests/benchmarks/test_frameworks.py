"""The list of frameworks, and the text of their measurements. No network: nothing is installed."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from benchmarks.frameworks.agno_evals import CHECKOUT_VARIABLE, eval_files
from benchmarks.frameworks.frameworks import FOLLOWED_UP, FRAMEWORKS, SCENARIOS
from benchmarks.frameworks.measure import Measurement
from benchmarks.frameworks.results_file import Results, load, save, text
from benchmarks.frameworks.table import failing, lasts
from benchmarks.packages.environments import UnavailableError

FOUND = Measurement(
    name="agno",
    traced=False,
    state="stable",
    passed=True,
    summary="keeps nothing",
    bytes_per_iteration={"retained": 2048.0},
    peak_bytes=1024.0,
    requests=8.0,
    seconds=30.0,
    cpu_seconds=20.0,
    plain_cpu_seconds=4.0,
    versions={"agno": "3.1.10", "openai": "3.57.0"},
    python="3.12.1",
)
LEAK = msgspec.structs.replace(FOUND, traced=True, state="leaking", passed=False, summary="keeps 1 KiB", model_calls=8.0)


def test_each_framework_has_a_scenario_and_a_pinned_version() -> None:
    """The nine frameworks are there, and no scenario is left over."""
    assert len({framework.name.removesuffix("-sqlite") for framework in FRAMEWORKS}) == 9
    files = {framework.scenario for framework in (*FRAMEWORKS, *FOLLOWED_UP)} | {"team_parts.py"}
    assert files == {path.name for path in SCENARIOS.glob("*.py")}
    assert [
        pin for pin in (framework.pins[0] for framework in (*FRAMEWORKS, *FOLLOWED_UP)) if not re.search(r"==\d", pin)
    ] == []


def test_text_counts_verdicts_and_names_those_that_fail_a_build(tmp_path: Path) -> None:
    """A row has the verdicts of all repetitions; what is saved is loaded again."""
    results = Results(measurements=[FOUND, FOUND, LEAK], unavailable={"crewai": "no wheel"})
    results.confirmed["agno (traced)"] = {"heap": [900.0, 1000.0], "resident": [0.0, 1024.0], "calls": [2000.0]}
    written = text(results)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in written.splitlines() if line.startswith("| agno")]
    assert [row[:4] for row in rows] == [
        ["agno", "PostgreSQL", "no", "stable 2"],
        ["agno", "PostgreSQL", "yes", "**leaking** 1"],
    ]
    assert [(row[4], row[8], row[-1]) for row in rows] == [("2.00 KiB", "-", "5.0"), ("2.00 KiB", "8", "5.0")]
    assert failing(results.measurements) == ["- agno (traced): leaking: keeps 1 KiB"]
    assert "- agno: Python 3.12.1, agno 3.1.10, openai 3.57.0" in written
    assert "- crewai: not measured: no wheel" in written
    assert "- agno (traced), 2,000 calls: C heap 900, then 1,000 B per call; resident 0, then 1,024 B" in written
    save(results, tmp_path / "r.json")
    assert (tmp_path / "r.txt").read_text(encoding="utf-8") == written
    assert load(tmp_path / "r.json") == results
    assert load(tmp_path / "missing.json") == Results()


def test_agno_evals_come_from_the_checkout_that_the_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a checkout, or in one without evals, the error says which variable to set."""
    monkeypatch.delenv(CHECKOUT_VARIABLE, raising=False)
    with pytest.raises(UnavailableError, match=CHECKOUT_VARIABLE):
        eval_files()
    monkeypatch.setenv(CHECKOUT_VARIABLE, str(tmp_path))
    with pytest.raises(UnavailableError, match="there is no file"):
        eval_files()
    folder = tmp_path / "cookbook" / "09_evals" / "performance"
    folder.mkdir(parents=True)
    for name in ("__init__.py", "simple_response.py", "README.md"):
        (folder / name).touch()
    assert [path.name for path in eval_files()] == ["simple_response.py"]


@pytest.mark.parametrize(("last", "expected"), [(500.0, True), (499.0, False)])
def test_plain_loop_confirms_a_leak_that_lasts(last: float, expected: bool) -> None:
    """A cache that fills up slows down: the last third keeps at least half of what the middle third keeps."""
    assert lasts({"heap": [1000.0, last]}) is expected
    assert not lasts({"heap": [0.0, 0.0]})
