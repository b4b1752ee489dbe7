"""The list of real leaks and the scoring of verdicts on them. No network: nothing is installed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.packages.cases import SCENARIOS, VERSIONS, Case, Version, read_cases
from benchmarks.packages.environments import UnavailableError, environment, find_python
from benchmarks.packages.package_verdict import PackageVerdict
from benchmarks.packages.table import summary, table

CASES = read_cases()
EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.+!]*")


def test_list_has_enough_leaks_and_half_are_not_in_python_code() -> None:
    """There are at least thirty leaks of different names in many packages, at least half of them outside of Python code."""
    assert len({case.name for case in CASES}) == len(CASES) >= 30
    assert len({case.package() for case in CASES}) >= 20
    assert sum(case.written_in != "Python" for case in CASES) * 2 >= len(CASES)
    assert Counter(case.written_in for case in CASES)["Rust"] >= 3
    assert {case.python for case in CASES} == {"3.10", "3.11", "3.12", "3.13"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_is_well_formed(case: Case) -> None:
    """Pins are exact, both versions begin with the same package, the scenario exists, and the address is public."""
    for version in VERSIONS:
        pins = case.pins(version)
        assert [pin for pin in pins if not EXACT.fullmatch(pin)] == []
        names = [pin.partition("==")[0].lower() for pin in pins]
        assert len(set(names)) == len(names)
    assert case.leaky[0].partition("==")[0] == case.fixed[0].partition("==")[0]
    assert case.leaky != case.fixed
    assert case.path().is_file()
    address = urlsplit(case.issue)
    assert address.scheme == "https"
    assert address.netloc
    assert address.path.strip("/")


def test_each_scenario_belongs_to_a_case() -> None:
    """There is no scenario without a case."""
    assert {path.name for path in SCENARIOS.glob("*.py")} == {case.scenario for case in CASES}


def verdict(version: Version, state: str) -> PackageVerdict:
    return PackageVerdict(case="a", version=version, state=state, channels={"retained": 5.0, "native": 64.0}, first="a.py:1")


@pytest.mark.parametrize(
    ("state", "leaky", "fixed"),
    [
        ("leaking", True, False),
        ("native-leak", True, False),
        ("creeping", False, False),
        ("idle", False, False),
        ("failed", False, False),
        ("stable", False, True),
        ("settling", False, True),
        ("inconclusive", False, True),
    ],
)
def test_leaky_version_is_flagged_and_fixed_version_is_not(state: str, leaky: bool, fixed: bool) -> None:
    """Only a leak is right for a leaky version, and only a verdict without an alarm for a fixed version."""
    assert verdict("leaky", state).is_right() is leaky
    assert verdict("fixed", state).is_right() is fixed


def case(**changes: str) -> Case:
    fields = {"name": "a", "python": "3.11", "issue": "https://example.org/1", "scenario": "a.py"} | changes
    return Case(written_in="C", leaky=("pkg==1.0",), fixed=("pkg==1.1",), **fields)


def test_table_and_summary_name_wrong_verdicts() -> None:
    """A miss and a false alarm are counted and named; a case that could not be measured counts for neither."""
    wrong = [verdict("leaky", "stable"), verdict("fixed", "native-leak")]
    text = summary([case()], wrong)
    assert "Found 0 of 1 leaks in 1 packages (1 of 1 in Rust, C, C++ or Cython); 1 false alarms on 1 fixed" in text
    assert "Missed: a" in text
    assert "False alarm: a" in text
    assert "**stable**" in table([case()], wrong)
    unavailable = [verdict("leaky", "unavailable"), verdict("fixed", "stable")]
    assert summary([case()], unavailable).startswith("Found 0 of 0 leaks")
    assert "Not measured: a leaky" in summary([case()], unavailable)


def test_missing_interpreter_is_unavailable(tmp_path: Path) -> None:
    """A version without an interpreter raises ``UnavailableError`` and leaves no environment behind."""
    with pytest.raises(UnavailableError, match=r"no Python 3\.99"):
        find_python("3.99")
    with pytest.raises(UnavailableError):
        environment(case(python="3.99"), "leaky", tmp_path)
    assert list(tmp_path.iterdir()) == []
