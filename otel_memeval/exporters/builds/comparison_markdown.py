"""Write the comparison of runs as Markdown, for a comment. Pure."""

from __future__ import annotations

from otel_memeval.exporters.builds.markdown import code, prose
from otel_memeval.history.comparing import ComparedEval, ComparedEvals
from otel_memeval.run.comparison_sentence import difference_cells, leak_line, notable


def comparison_markdown(compared: ComparedEvals) -> str:
    """Return the document, with a line end at its end."""
    regressed = [found for found in compared.evals if found.comparison.outcome == "regressed"]
    lines = [f"### Memory: {len(regressed) or 'none'} of {len(compared.evals)} regressed"]
    for found in compared.evals:
        lines += ["", *_eval_lines(found)]
    for names, place in ((compared.only_in_baseline, "baseline"), (compared.only_in_runs, "compared runs")):
        if names:
            lines += ["", f"Only in the {place}: {', '.join(map(code, names))}"]
    return "\n".join([*lines, ""])


def _eval_lines(found: ComparedEval) -> list[str]:
    comparison = found.comparison
    lines = [f"#### {code(found.eval)}", "", prose(comparison.summary)]
    if comparison.differences:
        lines += ["", "| quantity | baseline | run | difference | 95% interval | outcome |"]
        lines += ["| --- | ---: | ---: | ---: | --- | --- |"]
    for difference in notable(comparison):
        cells = difference_cells(difference)
        row = (cells.quantity, cells.baseline, cells.value, cells.difference, cells.interval, difference.outcome)
        lines.append(f"| {' | '.join(map(prose, row))} |")
    if comparison.leaks:
        lines.append("")
    return [*lines, *(f"- {prose(leak_line(leak))}" for leak in comparison.leaks)]
