"""The dashboard of one eval: what its last run said, how it came to that, and the way on to traces and runbook. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import tempo
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, LineStyle
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.tempo import SearchTableType

from deploy.grafana.promql import (
    EVAL,
    held,
    latest,
    mean_iteration_seconds,
    new_revision,
    selector,
    verdict_code,
    verdict_since,
)
from deploy.grafana.shared import (
    BLACK, BLUE, EVAL_UID, GREEN, KIND_COLOURS, ORANGE, OVERVIEW_UID, PROMETHEUS, PURPLE, SKY, TEMPO, TEMPO_UID,
    annotation, columns, eval_variables, firing_alerts, fixed_colour, new_dashboard, properties, query, series, stat, states_mapping, table,
    transformation,
)  # fmt: skip
from deploy.grafana.shipped_rules import runbook_url
from otel_memeval import telemetry

GROWTH_TITLE = "Is growth within its limit?"


def one_eval() -> build.Dashboard:
    """From the verdict down to single iterations."""
    made = new_dashboard(
        "Memory evals: one eval",
        EVAL_UID,
        "What the last run of an eval said: how much an iteration keeps, on which line, held by what; and how it came to that.",
    )
    for variable in eval_variables(one_eval=True):
        made = made.with_variable(variable)
    traces = build.DatasourceVariable("tempo").label("Tempo").type("tempo")
    made = made.with_variable(traces.current(dashboard.VariableOption(selected=True, text="memeval Tempo", value=TEMPO_UID)))
    for mark in _annotations():
        made = made.annotation(mark)
    for way in links():
        made = made.link(way)
    top = (_verdict(), _growth_now(), _since(), _duration_now(), _sites(), _holders(), _growth(), _last_run())
    below = (_memory(), _process(), _verdicts(), _site_history(), _holder_history(), _durations(), _outcomes())
    for panel in (*top, *below):
        made = made.with_panel(panel)
    asked = build.Row("What does an iteration ask of models? (runs with --trace-scenario)").collapsed(True)
    for one in (_calls(), _tokens()):
        asked = asked.with_panel(one)
    traced = build.Row("What happens within a run? (traces in Tempo)").collapsed(True)
    for each in (_runs(), _iterations()):
        traced = traced.with_panel(each)
    return made.with_row(asked).with_row(traced)


def links() -> list[build.DashboardLink]:
    """To all evals, and to what to do."""
    back = build.DashboardLink("All evals").type(dashboard.DashboardLinkType.LINK).icon("dashboard").keep_time(True)
    runbook = build.DashboardLink("Runbook").type(dashboard.DashboardLinkType.LINK).icon("doc").target_blank(True)
    return [back.url(f"/d/{OVERVIEW_UID}?${{datasource:queryparam}}&${{job:queryparam}}"), runbook.url(runbook_url())]


def _annotations() -> list[build.AnnotationQuery]:
    revisions = annotation(
        "Revisions", new_revision(), BLUE, title="{{revision}}", text="{{eval}} at another revision", tags=""
    )
    return [firing_alerts(), revisions]


def _verdict() -> Stat:
    return (
        stat("Verdict", "Of the last run. The runbook says what each word means and what to do.", "none", width=4)
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .mappings(states_mapping())
        .with_target(query("A", verdict_code(), legend="{{environment}}", instant=True))
    )


def _growth_now() -> Stat:
    growth = latest(telemetry.GROWTH, "kind")
    panel = stat(
        "Growth an iteration",
        "What one iteration needs more than the one before, in the last run: retained memory (traced by Python), its peak, the C "
        "heap (native), the whole process.",
        "bytes",
        width=9,
    )
    return panel.decimals(1).with_target(query("A", growth, legend="{{kind}}", instant=True))


def _since() -> Stat:
    panel = stat(
        "When",
        "When the verdict became what it is (no value: before the time range), when the last run ended, and the last that passed.",
        "dateTimeFromNow",
        width=8,
    )
    for ref, name, expr in (
        ("A", "Verdict since", verdict_since()),
        ("B", "Last run", held(telemetry.LAST_RUN)),
        ("C", "Last passed", held(telemetry.LAST_SUCCESS)),
    ):
        panel = panel.with_target(query(ref, f"1000 * {expr}", legend=name, instant=True))
    return panel


def _duration_now() -> Stat:
    panel = stat("Duration", "How long the last run took, all its iterations together.", "s", width=3)
    return panel.with_target(query("A", held(telemetry.LAST_RUN_DURATION), legend="{{environment}}", instant=True))


def _sites() -> Table:
    growth = latest(telemetry.SITE_GROWTH, "file", "line", "function")
    panel = table(
        "Which lines grow?",
        "Source lines whose live memory grew most in the last run. A verdict that is not one of growth may leave this empty.",
        "bytes",
        width=13,
        height=7,
    ).with_target(query("A", f"sort_desc({growth})", instant=True, table=True))
    for step in (
        transformation("sortBy", {"sort": [{"field": "Value", "desc": True}]}),
        columns({"Value": "An iteration", "file": "File", "line": "Line", "function": "Function"}, hidden=_HIDDEN),
    ):
        panel = panel.with_transformation(step)
    return (
        panel.no_value("No line grew in the last run")
        .override_by_name("An iteration", properties([("decimals", 1), ("custom.width", 110)]))
        .override_by_name("Line", properties([("unit", "none"), ("custom.width", 70)]))
    )


def _holders() -> Table:
    panel = table(
        "Which containers grow?",
        "Containers that became longer in the last run, by the path that leads to them from a module: who holds the memory.",
        "none",
        width=11,
        height=7,
    ).with_target(query("A", f"sort_desc({latest(telemetry.HOLDER_GROWTH, 'path', 'type')})", instant=True, table=True))
    for step in (
        transformation("sortBy", {"sort": [{"field": "Value", "desc": True}]}),
        columns({"Value": "Items an iteration", "path": "Held by", "type": "Type"}, hidden=_HIDDEN),
    ):
        panel = panel.with_transformation(step)
    return panel.no_value("No container grew in the last run").override_by_name(
        "Items an iteration", properties([("decimals", 2), ("custom.width", 130)])
    )


_HIDDEN = ("Time", "job", "eval", "cluster", "namespace", "environment")


def _growth() -> TimeSeries:
    panel = series(
        GROWTH_TITLE,
        "What one iteration needs more than the one before, run by run. Dashed: the limits that the eval sets itself "
        "(--max-growth, --max-peak-growth), where it does.",
        "bytes",
        width=15,
    )
    panel = panel.with_target(query("growth", held(telemetry.GROWTH, "kind"), legend="{{kind}}"))
    panel = panel.with_target(query("limit", held(telemetry.GROWTH_LIMIT, "kind"), legend="limit of {{kind}}"))
    for kind, colour in KIND_COLOURS.items():
        panel = panel.override_by_name(kind, properties([fixed_colour(colour)]))
        dashed = ("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
        panel = panel.override_by_name(
            f"limit of {kind}", properties([fixed_colour(colour), dashed, ("custom.lineWidth", 1)])
        )
    return panel


def _last_run() -> Table:
    panel = table(
        "What did the last run measure?",
        "The target and the revision that was checked out, the line that grew most and the container that holds it.",
        "none",
        width=9,
        height=9,
    ).with_target(
        query("A", latest(telemetry.LAST_RUN_INFO, "target", "revision", "site", "holder"), instant=True, table=True)
    )
    names = {
        "target": "Target",
        "revision": "Revision",
        "site": "Line",
        "holder": "Held by",
        "job": "Job",
        "environment": "Environment",
    }
    hidden = ("Time", "Value", "eval")
    panel = panel.with_transformation(columns(names, hidden=hidden))
    return panel.with_transformation(transformation("transpose", {"firstFieldName": "What", "restFieldsName": "Last run"}))


def _memory() -> TimeSeries:
    panel = series(
        "How much stays, and how much is needed at once?",
        "After the last iteration of each run: retained memory, traced and alive after a full collection; and the peak of that "
        "iteration above what was alive when it began.",
        "bytes",
        width=12,
    )
    for ref, name, metric in (("A", "retained", telemetry.RETAINED_BYTES), ("B", "peak", telemetry.PEAK_BYTES)):
        panel = panel.with_target(query(ref, held(metric), legend=name))
        panel = panel.override_by_name(name, properties([fixed_colour(KIND_COLOURS[name])]))
    return panel


def _process() -> TimeSeries:
    return (
        series(
            "How large is the process?",
            "Resident memory of the worker after the last iteration of each run: it has all that Python does not trace as well.",
            "bytes",
            width=12,
        )
        .with_target(query("A", held(telemetry.RSS_BYTES), legend="process"))
        .override_by_name("process", properties([fixed_colour(SKY)]))
    )


def _verdicts() -> StateTimeline:
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


def _site_history() -> TimeSeries:
    return series(
        "Since when does which line grow?",
        "Growth of the lines that grew most in each run. A line's number changes when lines above it do.",
        "bytes",
        width=12,
    ).with_target(
        query("A", held(telemetry.SITE_GROWTH, "file", "line", "function"), legend="{{file}}:{{line}} in {{function}}")
    )


def _holder_history() -> TimeSeries:
    return series(
        "Since when does which container grow?",
        "Items that containers gained in an iteration, run by run.",
        "none",
        width=12,
    ).with_target(query("A", held(telemetry.HOLDER_GROWTH, "path", "type"), legend="{{path}} ({{type}})"))


def _durations() -> TimeSeries:
    return (
        series(
            "How long do runs and iterations take?",
            "The last run, and the mean of an iteration within the hour (of all iterations that were counted, where gauges are "
            "pushed). The points are single iterations; each leads to its trace.",
            "s",
            width=12,
        )
        .with_target(query("run", held(telemetry.LAST_RUN_DURATION), legend="run"))
        .with_target(query("iteration", mean_iteration_seconds(), legend="iteration, mean").exemplar(True))
        .override_by_name("run", properties([fixed_colour(BLUE)]))
        .override_by_name("iteration, mean", properties([fixed_colour(ORANGE)]))
    )


def _outcomes() -> TimeSeries:
    panel = series(
        "Do runs pass, and do iterations fail?",
        "1 while the last run passed, else 0; and how many iterations ended in an error, of all that were counted.",
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


def _calls() -> TimeSeries:
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


def _tokens() -> TimeSeries:
    panel = series(
        "How many tokens does an iteration take?",
        "Tokens to and from models in the last iteration of each run. A peak that climbs with the tokens in is a context that "
        "becomes longer.",
        "none",
        width=12,
    )
    for ref, name, metric in (
        ("A", "tokens in", telemetry.ITERATION_INPUT_TOKENS), ("B", "tokens out", telemetry.ITERATION_OUTPUT_TOKENS),
    ):  # fmt: skip
        panel = panel.with_target(query(ref, held(metric), legend=name))
    return panel


def _runs() -> Table:
    selected = (telemetry.VERDICT, telemetry.RETAINED_PER_ITERATION, telemetry.PEAK_PER_ITERATION, telemetry.VERDICT_SUMMARY)
    text = f"{{ {_of_eval(telemetry.RUN_SPAN)} }} | select({', '.join('span.' + one for one in selected)})"
    return _spans("Which runs were traced?", "One span a run, with its verdict. Each leads to its trace.", text)


def _iterations() -> Table:
    selected = (
        telemetry.INDEX, telemetry.PHASE, telemetry.RETAINED, telemetry.RETAINED_GROWTH, telemetry.TRACED_PEAK, telemetry.RSS,
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
