"""Print the comparison of a run with its baseline on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from otel_memeval.analysis.comparison import leading_difference
from otel_memeval.exporters.terminal.table import Table
from otel_memeval.exporters.terminal.text import print_line, shown
from otel_memeval.history.comparing import ComparedEval, ComparedEvals
from otel_memeval.records import Result
from otel_memeval.records.comparison import Comparison, Outcome
from otel_memeval.redact import visible
from otel_memeval.run.comparison_sentence import change_words, difference_cells, leak_line, notable, run_words

STYLES: dict[Outcome, str] = {"regressed": "bold red", "improved": "bold green", "unchanged": "", "unknown": "dim"}


def print_comparison(console: Console, result: Result) -> None:
    """Print the outcome, then one line for each further quantity that has changed; nothing without a comparison."""
    comparison = result.baseline_comparison
    if comparison is None:
        return
    outcome = comparison.outcome
    sentence = visible(comparison.summary)
    rest = sentence.removeprefix(outcome)
    text = Text.assemble((shown(result.eval.name), "bold"), ": ")
    text.append(sentence[: len(sentence) - len(rest)], STYLES[outcome]).append(rest, "dim" if outcome == "unknown" else "")
    print_line(console, text)
    for line in changes(comparison):
        print_line(console, Text(visible(f"  - {line}"), style="dim"))


def print_compared_evals(console: Console, compared: ComparedEvals) -> None:
    """Print a table of quantities for each eval, its outcome and its leaks, and the evals that cannot be compared."""
    for found in compared.evals:
        comparison = found.comparison
        if comparison.differences:
            _table(found, comparison).print(console)
        for leak in comparison.leaks:
            print_line(console, Text(visible(f"  {leak_line(leak)}"), style="" if leak.status == "new" else "dim"))
        text = Text.assemble((shown(found.eval), "bold"), ": ")
        print_line(console, text.append(visible(comparison.summary), STYLES[comparison.outcome]))
    for names, place in ((compared.only_in_baseline, "baseline"), (compared.only_in_runs, "compared runs")):
        if names:
            print_line(console, Text(f"only in the {place}: {', '.join(map(shown, names))}", style="dim"))


def _table(found: ComparedEval, comparison: Comparison) -> Table:
    title = f"{shown(found.eval)}: {visible(run_words(found.run))} beside {visible(comparison.baseline)}"
    numbers = ["baseline", "run", "difference"]
    table = Table(
        title, numbers=numbers, texts=["quantity", "outcome", "95% interval"], optional=["95% interval", "baseline"]
    )
    for row in notable(comparison):
        cells = difference_cells(row)
        style = STYLES[row.outcome] if row.decides else "dim"
        table.add_row(
            cells.baseline,
            cells.value,
            cells.difference,
            visible(cells.quantity),
            Text(row.outcome, style=style),
            cells.interval,
        )
    return table


def changes(comparison: Comparison) -> list[str]:
    """Return one line for each quantity that has changed, but for the one that the outcome's sentence has."""
    led = leading_difference(comparison)
    return [
        f"{change_words(found)}: {found.outcome}" + ("" if found.decides else ", which does not decide")
        for found in comparison.differences
        if found is not led and found.outcome in ("regressed", "improved") and found.difference is not None
    ]
