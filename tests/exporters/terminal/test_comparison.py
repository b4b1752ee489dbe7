"""The comparison with a baseline on the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from otel_memeval.exporters.terminal.comparison import print_compared_evals, print_comparison
from otel_memeval.history.comparing import ComparedEval, ComparedEvals
from otel_memeval.records import Result
from otel_memeval.records.comparison import ComparedRun, Comparison, Difference, LeakChange
from otel_memeval.run.comparison_sentence import comparison_sentence

BEGAN = ComparedRun(run_id="7" * 32, started_at="2026-11-30T10:00:00+00:00", commit="3f2a1c9" + "0" * 33)
LONGER = Difference(
    quantity="duration", unit="seconds", outcome="regressed", value=0.3, baseline=0.2, difference=0.1, ci_low=0.09,
    ci_high=0.11, effect=0.5, decides=False,
)  # fmt: skip


@pytest.fixture
def comparison() -> Comparison:
    """Return a regression with a new leak, a longer duration, and threads that nobody uses."""
    grown = Difference(
        quantity="growth.retained", unit="bytes per iteration", outcome="regressed", value=4096.0, baseline=0.0,
        difference=4096.0, ci_low=4000.0, ci_high=4192.0,
    )  # fmt: skip
    threads = Difference(quantity="resource.threads", unit="per iteration", outcome="unchanged", value=0.0, baseline=0.0)
    leak = LeakChange(signature="a", location="app.py:7 (run)", status="new", per_iteration=4096.0)
    found = Comparison(
        outcome="regressed", summary="", baseline="10 runs of main", differences=[grown, threads, LONGER], leaks=[leak],
        since=BEGAN,
    )  # fmt: skip
    return Comparison(
        outcome="regressed", summary=comparison_sentence(found), baseline=found.baseline, differences=found.differences,
        leaks=found.leaks, since=BEGAN,
    )  # fmt: skip


def printed(print_it: Callable[[Console], None]) -> str:
    """Return the lines that a terminal of 80 columns shows."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, highlight=False)
    print_it(console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    return text


def test_report_has_the_sentence_and_further_changes(make_result: Callable[..., Result], comparison: Comparison) -> None:
    """The leading difference is in the sentence alone; nothing is printed without a comparison."""
    result = make_result(baseline_comparison=comparison)
    text = printed(lambda console: print_comparison(console, result))
    assert " ".join(text.split()) == (
        "An eval: regressed since 3f2a1c9 (2026-11-30): +4.00 KiB per iteration [3.91 KiB, 4.09 KiB], 10 runs of main; "
        "new leak: app.py:7 (run) - duration +100 ms [90.0 ms, 110 ms] (+50%): regressed, which does not decide"
    )
    print_comparison(console := Console(file=io.StringIO()), make_result())
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


def test_table_has_quantities_leaks_and_names_of_other_evals(comparison: Comparison) -> None:
    """Resources that nobody uses are left out."""
    compared = ComparedEvals(
        evals=[ComparedEval(eval="An eval", run=BEGAN, comparison=comparison)],
        only_in_baseline=["Old"],
        only_in_runs=["New"],
    )
    text = printed(lambda console: print_compared_evals(console, compared))
    for line in (
        "An eval: 3f2a1c9 (2026-11-30) beside 10 runs of main",
        "new: app.py:7 (run), +4.00 KiB per iteration",
        "only in the baseline: Old",
        "only in the compared runs: New",
    ):
        assert line in text
    assert "0 B 4.00 KiB +4.00 KiB retained memory per iteration regressed" in " ".join(text.split())
    assert "threads" not in text
