"""The dashboard of one eval: what its last run said, how it came to that, and the way on to traces and runbook. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common, dashboard

from deploy.grafana.one_eval_past import (
    calls,
    durations,
    holder_history,
    iterations,
    memory,
    outcomes,
    process,
    runs,
    site_history,
    tokens,
    verdicts,
)  # fmt: skip
from deploy.grafana.promql import (
    held,
    latest,
    new_revision,
    verdict_code,
    verdict_since,
)
from deploy.grafana.shared import (
    BLUE,
    EVAL_UID,
    KIND_COLOURS,
    OVERVIEW_UID,
    TEMPO_UID,
    annotation,
    columns,
    eval_variables,
    firing_alerts,
    fixed_colour,
    new_dashboard,
    properties,
    query,
    series,
    stat,
    states_mapping,
    table,
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
        "What the last run of an eval said: how much an iteration keeps, on which line, held by what; how it came to that.",
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
    below = (memory(), process(), verdicts(), site_history(), holder_history(), durations(), outcomes())
    for panel in (*top, *below):
        made = made.with_panel(panel)
    asked = build.Row("What does an iteration ask of models? (runs with --trace-scenario)").collapsed(True)
    for one in (calls(), tokens()):
        asked = asked.with_panel(one)
    traced = build.Row("What happens within a run? (traces in Tempo)").collapsed(True)
    for each in (runs(), iterations()):
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
        "What one iteration needs more than the one before, in the last run: retained memory (traced by Python), its peak, "
        "the C heap (native), the whole process.",
        "bytes",
        width=9,
    )
    return panel.decimals(1).with_target(query("A", growth, legend="{{kind}}", instant=True))


def _since() -> Stat:
    panel = stat(
        "When",
        "Since when the verdict was not another (no value: before the time range); when the last run ended, and the last "
        "that passed.",
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
        "Source lines whose live memory grew most in the last run. Without growth there is none.",
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
    panel = panel.with_target(query("limit", latest(telemetry.GROWTH_LIMIT, "kind"), legend="limit of {{kind}}"))
    for kind, colour in KIND_COLOURS.items():
        panel = panel.override_by_name(kind, properties([fixed_colour(colour)]))
        dashed = ("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
        panel = panel.override_by_name(
            f"limit of {kind}", properties([fixed_colour(colour), dashed, ("custom.lineWidth", 1)])
        )
    return panel


def _last_run() -> Table:
    told = latest(telemetry.LAST_RUN_INFO, "target", "revision", "site", "holder")
    names = {"shown": "", "target": "Target", "revision": "Revision", "site": "Line", "holder": "Held by"}
    names |= {"job": "Job", "environment": "Environment"}
    panel = table(
        "What did the last run measure?",
        "The target and the revision that was checked out, the line that grew most and the container that holds it.",
        "none",
        width=9,
        height=9,
    ).with_target(query("A", f'label_replace({told}, "shown", "Last run", "", "")', instant=True, table=True))
    for step in (
        columns(names, hidden=("Time", "Value", "eval")),
        transformation(
            "transpose", {"firstFieldName": "What", "restFieldsName": ""}
        ),  # the first column becomes the heading
    ):
        panel = panel.with_transformation(step)
    return panel
