"""Write the comparison of a run with earlier runs: with its baseline, and with results beside it on the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval.exporters.html.answers import badge, moment
from otel_memeval.exporters.html.growth_words import amounts
from otel_memeval.exporters.html.markup import Html, join, name, table, tag
from otel_memeval.records import Result, Statistics
from otel_memeval.records.comparison import Comparison, Difference
from otel_memeval.run.comparison_sentence import amount, difference_cells, leak_size, run_words
from otel_memeval.units import format_bytes

_SHORT_COMMIT = 10
_LEAST_RUNS = 2


def comparison_section(results: Sequence[Result]) -> Html:
    """Return the comparison of the last result with its baseline, and all results of the eval beside each other."""
    baseline = results[-1].baseline_comparison
    return join([_baseline(baseline) if baseline is not None else "", _runs_table(results)])


def _baseline(comparison: Comparison) -> Html:
    """Return the outcome, each quantity beside the baseline, and the leaks that are new, known or gone."""
    outcome = tag("strong", comparison.outcome) if comparison.outcome == "regressed" else comparison.outcome
    rest = comparison.summary.removeprefix(comparison.outcome)
    sentence = tag("p", *([outcome] if rest != comparison.summary else []), rest)
    quantities = [
        [
            difference_cells(each).quantity,
            tag("strong", each.outcome) if each.outcome == "regressed" else each.outcome,
            _amount(each, each.value),
            _amount(each, each.baseline),
            _interval(each),
            "-" if each.effect is None else f"{each.effect:+.0%}",
        ]
        for each in comparison.differences
    ]
    headings = ["quantity", "outcome", "this run", "baseline", "difference", "relative"]
    leaks = [[name(leak.location), leak.status, leak_size(leak)] for leak in comparison.leaks]
    return join(
        [
            sentence,
            table("Quantities beside the baseline, with the 95% interval", headings, quantities, numbers=4),
            table("Leaks beside the baseline", ["leak", "status", "per iteration"], leaks, numbers=1),
            table("Runs of the baseline", ["run"], [[name(run_words(run))] for run in comparison.runs]),
        ]
    )


def _amount(difference: Difference, value: float | None) -> str:
    return "-" if value is None else amount(value, difference.unit)


def _interval(difference: Difference) -> str:
    if difference.difference is None:
        return "-"
    size = amount(difference.difference, difference.unit, signed=True)
    if difference.ci_low is None or difference.ci_high is None:
        return size
    low, high = (amount(end, difference.unit, signed=True) for end in (difference.ci_low, difference.ci_high))
    return f"{size} ({low} to {high})"


def _runs_table(results: Sequence[Result]) -> Html:
    """Return the runs in the order given; nothing for a single run."""
    if len(results) < _LEAST_RUNS:
        return Html()
    rows = [
        [
            moment(result),
            badge(result.verdict.state),
            name(result.run.git.commit[:_SHORT_COMMIT]) if result.run.git is not None else "-",
            name(result.run.python),
            ", ".join(each.text for each in amounts(result)) or "-",
            _median(result.statistics.retained_bytes),
            _median(result.statistics.peak_bytes),
        ]
        for result in results
    ]
    headings = ["run", "verdict", "commit", "Python", "growth per iteration", "retained (median)", "peak (median)"]
    return table("Runs of this eval, the last one is reported above", headings, rows, numbers=3)


def _median(statistics: Statistics | None) -> str:
    return "-" if statistics is None else format_bytes(statistics.median)
