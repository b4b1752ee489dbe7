"""Write the numbers of a report: charts, iterations, statistics, surroundings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_memeval.exporters.html.growth_words import (
    CHANNEL_WORDS,
    channel_kind,
    channel_sentence,
    growth_of,
    leading_channel,
)
from otel_memeval.exporters.html.markup import Html, join, name, table, tag
from otel_memeval.records import Iteration, Result, Statistics
from otel_memeval.units import format_bytes, format_seconds


def main_chart(result: Result, run: int, earlier: Sequence[int]) -> Html:
    """Return the place of the chart of the channel that leads the verdict, mostly retained memory.

    ``run`` and ``earlier`` are places of results on the page.
    """
    channel = leading_channel(result)
    limits = {"retained": result.eval.limits.max_growth_bytes, "peak": result.eval.limits.max_peak_growth_bytes}
    limit = limits.get(channel)
    is_judged = growth_of(result, channel) is not None
    keys = [
        ("values", CHANNEL_WORDS[channel].lower() if channel != "native" else CHANNEL_WORDS[channel]),
        ("growth", "growth with its interval") if is_judged else None,
        ("limit", f"limit, {format_bytes(limit)} per iteration") if limit is not None and is_judged else None,
        ("earlier", "earlier runs" if len(earlier) > 1 else "earlier run") if earlier else None,
        ("warmup", "warm-up") if any(each.phase == "warmup" for each in result.iterations) else None,
    ]
    legend = tag("ul", *(tag("li", _key(key[0]), key[1]) for key in keys if key), class_="legend")
    sentence = channel_sentence(result, channel)
    return _figure(channel, f"{CHANNEL_WORDS[channel]}: {sentence}", result, run, earlier, main=True, after=legend)


def _key(series: str) -> Html:
    """Return a sample of a line of the chart."""
    shape = '<rect width="100%" height="100%"/>' if series == "warmup" else '<path d="M0 5H24"/>'
    return Html(f'<svg class="key {series}" viewBox="0 0 24 10" width="24" height="10" aria-hidden="true">{shape}</svg>')


def _figure(
    chart: str,
    caption: str,
    result: Result,
    run: int,
    earlier: Sequence[int],
    *,
    main: bool = False,
    after: Html | None = None,
) -> Html:
    is_growing = chart in CHANNEL_WORDS and channel_kind(result, chart) == "growing"
    content = [tag("figcaption", caption, id=f"chart-{run}-{chart}"), tag("div", class_="plot")]
    if main:
        readout = tag("p", "Point at the chart for the numbers of an iteration; the table below has all.", class_="readout")
        content += [after or Html(), readout]
    return tag(
        "figure", *content,
        class_=f"chart{' main' if main else ''}{' growing' if is_growing else ''}",
        data_chart=chart, data_run=str(run), data_earlier=" ".join(map(str, earlier)) or None, data_grows=is_growing,
    )  # fmt: skip


def small_charts(result: Result, run: int, earlier: Sequence[int]) -> Html:
    """Return the places of the charts of the other channels, of durations and of tokens, for what was read."""
    read = {
        "retained": True,
        "peak": any(each.peak_bytes is not None for each in result.iterations),
        "native": any(each.native_heap_bytes is not None for each in result.iterations),
        "process": any((each.uss_bytes or each.rss_bytes) is not None for each in result.iterations),
    }
    figures = [
        _figure(chart, f"{CHANNEL_WORDS[chart]}: {channel_sentence(result, chart)}", result, run, earlier)
        for chart, is_read in read.items()
        if is_read and chart != leading_channel(result)
    ]
    figures.append(_figure("duration", f"Duration {_median(result.statistics.runtime_seconds)}", result, run, earlier))
    if any(each.cpu_seconds is not None for each in result.iterations):
        figures.append(_figure("cpu", "Processor time of each iteration", result, run, earlier))
    if any(each.gen_ai is not None and each.gen_ai.input_tokens is not None for each in result.iterations):
        figures.append(_figure("tokens", "Input tokens of each iteration", result, run, earlier))
    return tag("div", *figures, class_="charts") if result.iterations else Html()


def _median(statistics: Statistics | None) -> str:
    return "of each iteration" if statistics is None else f"of each iteration: median {format_seconds(statistics.median)}"


_MOST_ROWS = 2000
"""Rows of the table of iterations; more would fill the page's megabyte."""

_ITERATION_HEADINGS = ("iteration", "duration", "retained", "change", "peak", "C heap", "process", "error")
_KEYS = ("index", "duration", "retained", "change", "peak", "native", "process", "")


def iterations_table(result: Result, run: int) -> Html:
    """Return a row for each iteration; the page's script sorts them by their values."""
    before = result.initial_reading.retained_bytes if result.initial_reading else None
    rows = []
    for iteration in result.iterations:
        rows.append(_row(iteration, before))
        before = iteration.retained_bytes if iteration.retained_bytes is not None else before
    if len(rows) > _MOST_ROWS:
        return _long_table(rows, result.iterations)
    classes = ["warmup" if iteration.phase == "warmup" else "" for iteration in result.iterations]
    headings: Sequence[str] = _ITERATION_HEADINGS
    if not any(iteration.error is not None for iteration in result.iterations):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
        return table("Iterations", headings, rows, numbers=6, keys=_KEYS, row_classes=classes, run=str(run))
    return table("Iterations", headings, rows, keys=_KEYS, row_classes=classes, run=str(run))


def _long_table(rows: Sequence[list[str]], iterations: Sequence[Iteration]) -> Html:
    """Return the first and the last rows of a very long run, and those of iterations that failed."""
    half = _MOST_ROWS // 2
    shown = [
        row for place, row in enumerate(rows)
        if place < half or place >= len(rows) - half or iterations[place].status == "error"
    ]  # fmt: skip
    caption = (
        f"Iterations: the first and the last {half}, and those that failed; the results in this page have all {len(rows):,}"
    )
    return table(caption, _ITERATION_HEADINGS, shown)


def _row(iteration: Iteration, before: int | None) -> list[str]:
    change = None if before is None or iteration.retained_bytes is None else iteration.retained_bytes - before
    error = iteration.error
    return [
        f"warm-up {iteration.index}" if iteration.phase == "warmup" else str(iteration.index),
        format_seconds(iteration.duration_seconds),
        _size(iteration.retained_bytes),
        "-" if change is None else format_bytes(change, signed=True),
        _size(iteration.peak_bytes),
        _size(iteration.native_heap_bytes),
        _size(iteration.uss_bytes if iteration.uss_bytes is not None else iteration.rss_bytes),
        "" if error is None else name(f"{error.type}: {error.message}"),
    ]


def _size(count: int | None) -> str:
    return "-" if count is None else format_bytes(count)


def statistics_table(result: Result) -> Html:
    """Return the statistics of the measured iterations; nothing if nothing was measured."""
    summary = result.statistics
    series: list[tuple[str, Statistics | None, Callable[[float], str]]] = [
        ("duration", summary.runtime_seconds, format_seconds),
        ("retained", summary.retained_bytes, format_bytes),
        ("peak", summary.peak_bytes, format_bytes),
    ]
    rows = [[label, *map(form, _figures(each))] for label, each, form in series if each is not None]
    headings = ["series", "mean", "min", "max", "std dev", "median", "95th %"]
    return table("Statistics of the measured iterations", headings, rows, numbers=6)


def _figures(each: Statistics) -> tuple[float, ...]:
    return each.mean, each.min, each.max, each.stdev, each.median, each.p95


def environment_table(result: Result) -> Html:
    """Return the surroundings of a run, and the versions of the packages that the scenario imported."""
    run, git, eval_ = result.run, result.run.git, result.eval
    checkout = "" if git is None else f"{git.commit}{' with changes' if git.dirty else ''}, branch {git.branch}"
    facts = {
        "scenario": run.description,
        "target": run.target,
        "run": run.id,
        "trace": run.trace_id or "",
        "began": run.started_at,
        "took": format_seconds(run.duration_seconds),
        "Python": run.python,
        "platform": run.platform,
        "checkout": checkout,
        "iterations": f"{eval_.iterations} asked for, {eval_.warmup} warm-up",
        "event loop": run.event_loop,
        "changed variables": ", ".join(run.changed_variables),
        "not measured": "; ".join(run.missing_channels),
        "readings": f"once every {run.readings_every} iterations" if run.readings_every > 1 else "",
        "agent": eval_.agent_id or "",
        "team": eval_.team_id or "",
        "model": " ".join(filter(None, [eval_.model_provider, eval_.model_id])),
    }
    rows = [[key, name(value)] for key, value in facts.items() if value]
    surroundings = table("Surroundings of the run", ["fact", "value"], rows)
    versions = [[name(key), name(value)] for key, value in sorted(run.packages.items())]
    packages = table("Packages that the scenario imported", ["package", "version"], versions)
    return join([surroundings, packages])
