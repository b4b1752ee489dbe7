"""The dashboard of all evals: which one is in trouble, since when, on which line, and what changed. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common, dashboard

from deploy.grafana.promql import (
    EVAL,
    HOLD,
    count_of,
    held,
    latest,
    passing_revision,
    recorded_since,
    selector,
    verdict_code,
)
from deploy.grafana.shared import (
    GREEN,
    GREY,
    LABELLED_EVAL,
    ORANGE,
    OVERVIEW_UID,
    PROMETHEUS,
    PURPLE,
    VERMILION,
    columns,
    eval_url,
    eval_variables,
    firing_alerts,
    link,
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

RETAINED = 'kind="retained"'

MOST_POINTS = 300
"""Over time, of hundreds of evals: a point every half hour of a week."""


def overview() -> build.Dashboard:
    """Every eval on one page, the worst first."""
    made = new_dashboard(
        "Memory evals: overview",
        OVERVIEW_UID,
        "Which agent keeps memory or needs more of it with every turn, since when, on which line, who holds it, and what "
        "changed.",
    )
    for variable in eval_variables(one_eval=False):
        made = made.with_variable(variable)
    made = made.annotation(firing_alerts())
    made = made.link(
        build.DashboardLink("Runbook")
        .type(dashboard.DashboardLinkType.LINK)
        .url(runbook_url())
        .icon("doc")
        .target_blank(True)
    )
    for panel in (_counts(), _health(), _evals(), _growth(), _verdicts(), _changes()):
        made = made.with_panel(panel)
    return made


def _counts() -> Stat:
    groups = {
        "Leaking": (count_of("leaking", "native-leak"), VERMILION),
        "Creeping": (count_of("creeping"), ORANGE),
        "Failed or idle": (count_of("failed", "idle"), PURPLE),
        "Undecided": (count_of("inconclusive"), GREY),
        "No growth": (count_of("stable", "settling", "bounded"), GREEN),
    }
    panel = stat(
        "How many evals are in trouble?",
        "Evals by the verdict of their last run. Undecided: too few iterations to tell. No growth: stable, settling or "
        "bounded.",
        "none",
        width=14,
    ).color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
    for ref, (name, (expr, colour)) in zip("ABCDE", groups.items()):
        panel = panel.with_target(query(ref, expr, legend=name, instant=True))
        steps = [{"value": None, "color": "transparent"}, {"value": 1, "color": colour}]
        panel = panel.override_by_name(name, properties([("thresholds", {"mode": "absolute", "steps": steps})]))
    return panel


def _health() -> Stat:
    age = f"(time() - {held(telemetry.LAST_RUN)})"
    overdue = f"count({age} > on ({EVAL}) 2 * {held(telemetry.EXPECTED_INTERVAL)}) or vector(0)"
    skipped = f"sum(increase({selector(telemetry.RUNS_SKIPPED.name)}[$__range])) or vector(0)"
    jobs = "{job=~`${job:regex}`}"
    failures = f"sum(increase({telemetry.EXPORT_FAILURES.name}{jobs}[$__range])) or vector(0)"
    waiting = f"sum(last_over_time({telemetry.SPOOL_BYTES.name}{jobs}[{HOLD}])) or vector(0)"
    panel = stat(
        "Is the measuring itself in order?",
        "Overdue: evals that did not run for two of their intervals. Left out: runs within the time range that were not "
        "started because the one before was not over. Undelivered: batches of telemetry within the time range. Waiting: "
        "telemetry that is kept to be sent again with `otel-memeval replay`.",
        "none",
        width=10,
    ).color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
    steps = [{"value": None, "color": "transparent"}, {"value": 1, "color": ORANGE}]
    for ref, name, expr in (
        ("A", "Overdue", overdue), ("B", "Left out", skipped), ("C", "Undelivered", failures), ("D", "Waiting", waiting),
    ):  # fmt: skip
        panel = panel.with_target(query(ref, expr, legend=name, instant=True))
        panel = panel.override_by_name(name, properties([("thresholds", {"mode": "absolute", "steps": steps})]))
    return panel.override_by_name("Waiting", properties([("unit", "bytes")])).decimals(0)


def _evals() -> Table:
    asked = {
        "verdict": verdict_code(),
        "growth": held(telemetry.GROWTH, matchers=RETAINED),
        "peak": held(telemetry.GROWTH, matchers='kind="peak"'),
        "info": latest(telemetry.LAST_RUN_INFO, "revision", "site", "holder"),
        "run": f"1000 * {held(telemetry.LAST_RUN)}",
        "since": f"1000 * {recorded_since()}",
        "passed": f"1000 * {held(telemetry.LAST_SUCCESS)}",
    }
    panel = table(
        "Which eval keeps memory, and where?",
        "Every eval, the worst verdict first; since when it is that (from the recording rules; no value without them). "
        "Growth is what one iteration keeps more than the one before. Line is what grew most in the last run, holder the "
        "container that keeps it. Last passed is when it was last in order.",
        "none",
        width=24,
        height=12,
    )
    for ref, expr in asked.items():
        panel = panel.with_target(query(ref, expr, instant=True, table=True))
    panel = panel.with_target(query("trend", held(telemetry.GROWTH, matchers=RETAINED), legend="{{eval}}")).max_data_points(
        100
    )
    names = {
        "Value #verdict": "Verdict", "Value #since": "Since", "eval": "Eval", "Value #growth": "Growth",
        "Trend #trend": "Trend", "site": "Line", "holder": "Holder", "Value #peak": "Peak growth",
        "Value #run": "Last run", "Value #passed": "Last passed", "revision": "Revision", "job": "Job",
    }  # fmt: skip
    for step in (
        transformation("timeSeriesTable", {"trend": {"stat": "lastNotNull"}}, only_query="trend"),
        transformation("merge"),
        transformation("sortBy", {"sort": [{"field": "Value #verdict", "desc": True}]}),
        columns(names, hidden=("Time", "Value #info")),
    ):
        panel = panel.with_transformation(step)
    one_eval = link("This eval", eval_url("__data.fields.job", "__data.fields.eval"))
    spark: dict[str, object] = {
        "type": "sparkline",
        "drawStyle": "line",
        "lineInterpolation": "stepAfter",
        "hideValue": True,
    }
    return (
        panel.override_by_name("Verdict", properties(_verdict_cell()))
        .override_by_name("Eval", properties([("custom.width", 190), one_eval]))
        .override_by_name("Growth", properties([("unit", "bytes"), ("decimals", 1), ("custom.width", 95)]))
        .override_by_name("Trend", properties([("unit", "bytes"), ("custom.cellOptions", spark), ("custom.width", 150)]))
        .override_by_name("Peak growth", properties([("unit", "bytes"), ("decimals", 1), ("custom.width", 105)]))
        .override_by_regexp("Since|Last run|Last passed", properties([("unit", "dateTimeFromNow"), ("custom.width", 125)]))
        .override_by_name("Revision", properties([("custom.width", 135)]))
    )


def _verdict_cell() -> list[tuple[str, object]]:
    cell = {"type": "color-background", "mode": "basic"}
    return [("mappings", states_mapping()), ("custom.cellOptions", cell), ("custom.width", 115)]


def _growth() -> TimeSeries:
    growth = held(telemetry.GROWTH, matchers=RETAINED)
    now = f"max by ({EVAL}) (last_over_time({selector(telemetry.GROWTH.name, RETAINED)}[{HOLD}] @ end()))"
    return (
        series(
            "How fast do the evals grow?",
            "Retained memory that an iteration keeps more than the one before: the ten evals that grow most at the end of "
            "the time range.",
            "bytes",
            width=12,
        )
        .max_data_points(MOST_POINTS)
        .with_target(query("A", f"{growth} and on ({EVAL}) topk(10, {now})", legend="{{eval}}"))
        .override_by_regexp(".*", properties([link("This eval", LABELLED_EVAL)]))
    )


def _verdicts() -> StateTimeline:
    return (
        StateTimeline()
        .title("How did the verdicts change?")
        .description("The verdict of each eval's last run, over time.")
        .datasource(PROMETHEUS)
        .unit("none")
        .span(12)
        .height(9)
        .mappings(states_mapping())
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .fill_opacity(90)
        .line_width(0)
        .row_height(0.8)
        .per_page(15)
        .max_data_points(MOST_POINTS)
        .with_target(query("A", verdict_code(), legend="{{eval}}"))
        .override_by_regexp(".*", properties([link("This eval", LABELLED_EVAL)]))
    )


def _changes() -> Table:
    growth, before = held(telemetry.GROWTH, matchers=RETAINED), held(telemetry.GROWTH, matchers=RETAINED, offset="$__range")
    asked = {
        "then": verdict_code(offset="$__range"),
        "now": verdict_code(),
        "from": before,
        "to": growth,
        "change": f"{growth} - {before}",
        "info": f'label_replace({latest(telemetry.LAST_RUN_INFO, "revision")}, "now", "$1", "revision", "(.*)")',
        "passing": f"1000 * ({passing_revision()})",
    }
    # The two revisions are different columns, and one of them must not be a part of the key that rows are merged by.
    asked["info"] = f"max by ({EVAL}, now) ({asked['info']})"
    panel = table(
        "What changed within the time range?",
        "Each eval at the beginning of the time range and now: its verdict and growth; the revision that was measured last, "
        "and the last one that passed. What broke it lies between the two.",
        "none",
        width=24,
        height=9,
    )
    for ref, expr in asked.items():
        panel = panel.with_target(query(ref, expr, instant=True, table=True))
    names = {
        "eval": "Eval", "Value #then": "Verdict then", "Value #now": "Verdict now", "Value #from": "Growth then",
        "Value #to": "Growth now", "Value #change": "Change", "revision": "Last passing revision",
        "Value #passing": "Passed until", "now": "Revision now", "job": "Job",
    }  # fmt: skip
    for step in (
        transformation("merge"),
        transformation("sortBy", {"sort": [{"field": "Value #change", "desc": True}]}),
        columns(names, hidden=("Time", "Value #info")),
    ):
        panel = panel.with_transformation(step)
    one_eval = link("This eval", eval_url("__data.fields.job", "__data.fields.eval"))
    return (
        panel.override_by_regexp("Verdict.*", properties(_verdict_cell()))
        .override_by_name("Eval", properties([("custom.width", 190), one_eval]))
        .override_by_regexp("Growth.*|Change", properties([("unit", "bytes"), ("decimals", 1)]))
        .override_by_name("Passed until", properties([("unit", "dateTimeAsLocal")]))
    )
