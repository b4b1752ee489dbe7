"""Panels of one eval over time, what its iterations asked of models, and its traces. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import tempo
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.tempo import SearchTableType

from deploy.grafana.promql import (
    held,
    latest,
    mean_iteration_seconds,
    verdict_code,
)
from deploy.grafana.shared import (
    BLUE,
    GREEN,
    KIND_COLOURS,
    ORANGE,
    PROMETHEUS,
    PURPLE,
    SKY,
    TEMPO,
    fixed_colour,
    properties,
    query,
    series,
    states_mapping,
    table,
)  # fmt: skip
from otel_memeval import telemetry


def memory() -> TimeSeries:
    """Retained memory and peak."""
    panel = series(
        "How much stays, and how much is needed at once?",
        "After the last iteration of each run: retained memory, traced and alive after a full collection; and the peak of "
        "that iteration above what was alive when it began.",
        "bytes",
        width=12,
    )
    for ref, name, metric in (("A", "retained", telemetry.RETAINED_BYTES), ("B", "peak", telemetry.PEAK_BYTES)):
        panel = panel.with_target(query(ref, held(metric), legend=name))
        panel = panel.override_by_name(name, properties([fixed_colour(KIND_COLOURS[name])]))
    return panel


def process() -> TimeSeries:
    """Resident memory."""
    return (
        series(
            "How large is the process?",
            "Resident memory of the worker after the last iteration of each run: also what Python does not trace.",
            "bytes",
            width=12,
        )
        .with_target(query("A", held(telemetry.RSS_BYTES), legend="process"))
        .override_by_name("process", properties([fixed_colour(SKY)]))
    )


def verdicts() -> StateTimeline:
    """The verdict, over time."""
    return (
        StateTimeline()
        .title("Verdict history")
        .description("The verdict of the last run, over time.")
        .datasource(PROMETHEUS)
        .unit("none")
        .span(24)
        .height(5)
        .mappings(states_mapping())
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .fill_opacity(90)
        .line_width(0)
        .row_height(0.8)
        .with_target(query("A", verdict_code(), legend="{{job}} {{environment}}"))
    )


def site_history() -> TimeSeries:
    """Growth by line."""
    return series(
        "Since when does which line grow?",
        "Growth of the lines that grew most in each run. A line's number changes when lines above it do.",
        "bytes",
        width=12,
    ).with_target(
        query("A", latest(telemetry.SITE_GROWTH, "file", "line", "function"), legend="{{file}}:{{line}} in {{function}}")
    )


def holder_history() -> TimeSeries:
    """Growth by container."""
    return series(
        "Since when does which container grow?",
        "Items that containers gained in an iteration, run by run.",
        "none",
        width=12,
    ).with_target(query("A", latest(telemetry.HOLDER_GROWTH, "path", "type"), legend="{{path}} ({{type}})"))


def durations() -> TimeSeries:
    """Durations, with exemplars that lead to traces."""
    return (
        series(
            "How long do runs and iterations take?",
            "The last run, and the mean of an iteration within the hour (of all iterations that were counted, where gauges "
            "are pushed). The points are single iterations; each leads to its trace.",
            "s",
            width=12,
        )
        .with_target(query("run", held(telemetry.LAST_RUN_DURATION), legend="run"))
        .with_target(query("iteration", mean_iteration_seconds(), legend="iteration, mean").exemplar(True))
        .override_by_name("run", properties([fixed_colour(BLUE)]))
        .override_by_name("iteration, mean", properties([fixed_colour(ORANGE)]))
    )


def outcomes() -> TimeSeries:
    """Passed or not; iterations that failed."""
    panel = series(
        "Do runs pass, and do iterations fail?",
        "Passed is 1 while the last run passed, else 0. Beside it, how many iterations that were counted ended in an error.",
        "none",
        width=12,
    )
    errors = held(telemetry.ITERATIONS_TOTAL, matchers='status="error"')
    return (
        panel.with_target(query("A", held(telemetry.LAST_RUN_SUCCESS), legend="passed"))
        .with_target(query("B", errors, legend="iterations with an error"))
        .override_by_name("passed", properties([fixed_colour(GREEN)]))
        .override_by_name("iterations with an error", properties([fixed_colour(PURPLE)]))
    )


def calls() -> TimeSeries:
    """Calls of models and tools."""
    panel = series(
        "How many calls does an iteration make?",
        "Calls of models and of tools in the last iteration of each run.",
        "none",
        width=12,
    )
    for ref, name, metric in (
        ("A", "model calls", telemetry.ITERATION_MODEL_CALLS), ("B", "tool calls", telemetry.ITERATION_TOOL_CALLS),
    ):  # fmt: skip
        panel = panel.with_target(query(ref, held(metric), legend=name))
    return panel


def tokens() -> TimeSeries:
    """Tokens in and out."""
    panel = series(
        "How many tokens does an iteration take?",
        "Tokens to and from models in the last iteration of each run. A peak that climbs with the tokens in is a context "
        "that becomes longer.",
        "none",
        width=12,
    )
    for ref, name, metric in (
        ("A", "tokens in", telemetry.ITERATION_INPUT_TOKENS), ("B", "tokens out", telemetry.ITERATION_OUTPUT_TOKENS),
    ):  # fmt: skip
        panel = panel.with_target(query(ref, held(metric), legend=name))
    return panel


def runs() -> Table:
    """Traced runs."""
    selected = (telemetry.VERDICT, telemetry.RETAINED_PER_ITERATION, telemetry.PEAK_PER_ITERATION, telemetry.VERDICT_SUMMARY)
    text = f"{{ {_of_eval(telemetry.RUN_SPAN)} }} | select({', '.join('span.' + one for one in selected)})"
    return _spans("Which runs were traced?", "One span a run, with its verdict. Each leads to its trace.", text)


def iterations() -> Table:
    """Traced iterations, one row each."""
    selected = (
        telemetry.INDEX, telemetry.PHASE, telemetry.RETAINED, telemetry.RETAINED_GROWTH, telemetry.TRACED_PEAK,
        telemetry.RSS,
    )  # fmt: skip
    text = f"{{ {_of_eval(telemetry.ITERATION_SPAN)} }} | select({', '.join('span.' + one for one in selected)})"
    return _spans("What did each iteration keep?", "One span an iteration, with its memory in bytes.", text)


def _of_eval(span: str) -> str:
    return f'name =~ "{span}.*" && span.{telemetry.SUITE_NAME} = ${{eval:doublequote}}'


def _spans(title: str, description: str, text: str) -> Table:
    asked = tempo.Dataquery().ref_id("A").query_type("traceql").query(text).limit(200).spss(200)
    panel = table(title, description, "none", width=24, height=9).datasource(TEMPO)
    panel = panel.with_target(asked.table_type(SearchTableType.SPANS).datasource(TEMPO))
    return panel.override_by_regexp(r"memeval\.(retained.*|tracemalloc.*|rss|growth.*)", properties([("unit", "bytes")]))
