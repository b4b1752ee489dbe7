"""A comparison in words."""

from __future__ import annotations

import pytest

from otel_memeval.records.comparison import ComparedRun, Comparison, Difference, LeakChange, LeakStatus, Unit
from otel_memeval.run.comparison_sentence import amount, comparison_sentence, run_words

BEGAN = ComparedRun(run_id="7" * 32, started_at="2026-11-30T10:00:00+00:00", commit="3f2a1c9" + "0" * 33)


def grown(quantity: str = "growth.retained", **fields: object) -> Difference:
    """Return a regressed growth of 4 KiB per iteration."""
    base = {"quantity": quantity, "unit": "bytes per iteration", "outcome": "regressed", "difference": 4096.0}
    return Difference(**{**base, "ci_low": 4000.0, "ci_high": 4192.0, **fields})  # type: ignore[arg-type]


def leak(number: int, status: LeakStatus = "new") -> LeakChange:
    """Return a leak of a line."""
    return LeakChange(signature=str(number), location=f"app.py:{number}", status=status, per_iteration=1.0)


def test_regression_has_its_beginning_its_size_the_baseline_and_the_new_leaks() -> None:
    """All of it is one sentence."""
    found = Comparison(
        outcome="regressed", summary="", baseline="10 runs of main", differences=[grown()], leaks=[leak(7)], since=BEGAN
    )
    assert comparison_sentence(found) == (
        "regressed since 3f2a1c9 (2026-11-30): +4.00 KiB per iteration [3.91 KiB, 4.09 KiB], 10 runs of main; "
        "new leak: app.py:7"
    )


def test_other_outcomes_say_what_they_rest_on() -> None:
    """An improvement names leaks that are gone; of many leaks two are named; unknown has its reason."""
    gone = Comparison(outcome="improved", summary="", baseline="run 1", leaks=[leak(1, "known"), leak(2, "gone")])
    assert comparison_sentence(gone) == "improved: run 1; leak gone: app.py:2"
    assert comparison_sentence(Comparison(outcome="unchanged", summary="", baseline="tag v1")) == "unchanged: tag v1"
    many = Comparison(outcome="regressed", summary="", leaks=[leak(number) for number in range(5)])
    assert comparison_sentence(many) == "regressed; new leaks: app.py:0, app.py:1 and 3 more"
    level = grown("peak", unit="bytes", effect=0.25)
    assert comparison_sentence(Comparison(outcome="regressed", summary="", differences=[level])) == (
        "regressed: level of the peak +4.00 KiB [3.91 KiB, 4.09 KiB] (+25%)"
    )
    idle = LeakChange(signature="verdict:idle", location="the scenario did no work", status="new", per_iteration=0.0)
    assert comparison_sentence(Comparison(outcome="regressed", summary="", leaks=[idle])) == (
        "regressed; the scenario did no work"
    )
    assert comparison_sentence(Comparison(outcome="unknown", summary="", reason="the run failed")) == (
        "not compared: the run failed"
    )


def test_run_is_named_by_its_commit_or_its_identifier() -> None:
    """A checkout with changes has a plus sign."""
    assert run_words(ComparedRun(run_id="ab" * 16, started_at="")) == "run abababab"
    assert (
        run_words(ComparedRun(run_id="", started_at="2026-01-02T", commit="c" * 40, dirty=True)) == "ccccccc+ (2026-01-02)"
    )


@pytest.mark.parametrize(
    ("value", "unit", "plain", "signed"),
    [(2048.0, "bytes", "2.00 KiB", "+2.00 KiB"), (-0.5, "seconds", "-500 ms", "-500 ms"), (1.0, "per iteration", "1", "+1")],
)
def test_amount_has_its_unit(value: float, unit: Unit, plain: str, signed: str) -> None:
    """Bytes, durations and numbers."""
    assert (amount(value, unit), amount(value, unit, signed=True)) == (plain, signed)
