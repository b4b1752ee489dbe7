"""List the panels of all evals: title, description, queries, columns and order. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table

from deploy.grafana import promql
from deploy.grafana.builders import (
    Override,
    Panel,
    Property,
    Series,
    columns,
    largest_first,
    link,
    matching,
    named,
    range_query,
    stat,
    table,
    table_query,
    time_series,
    transformation,
    verdict_cell,
    verdict_timeline,
)  # fmt: skip
from deploy.grafana.colours import GREEN, GREY, ORANGE, PURPLE, VERMILION
from deploy.grafana.promql import held, latest
from deploy.grafana.shipped_rules import threshold
from otel_memeval import telemetry

EVAL_UID = "memeval-eval"
MAX_POINTS = 300
"""Points of a graph of hundreds of evals: one every half hour of a week."""

RETAINED = 'kind="retained"'
HIDDEN = ("Time", "Value #info")
BYTES: tuple[Property, ...] = (("unit", "bytes"), ("decimals", 1))


def overview_panels() -> list[Panel]:
    """Return the panels of all evals, in order."""
    links = [matching(".*", _eval_link("__field.labels.job", "__field.labels.eval"))]
    growth = time_series(
        "How fast do the evals grow?",
        "Growth of retained memory per iteration: the ten evals that grow most at the end of the time range.",
        "bytes",
        {"A": Series("{{eval}}", promql.fastest_growing(10, RETAINED))},
        links,
    )
    verdicts = verdict_timeline(
        "How did the verdicts change?",
        "The verdict of each eval's last run, over time.",
        "{{eval}}",
        links,
        width=12,
        height=9,
    )
    return [
        _counts(),
        _health(),
        _evals(),
        growth.max_data_points(MAX_POINTS),
        verdicts.per_page(15).max_data_points(MAX_POINTS),
        _changes(),
    ]


def _counts() -> Stat:
    return stat(
        "How many evals are in trouble?",
        "Evals by the verdict of their last run. Undecided: too few iterations for a verdict. No growth: stable, "
        "settling or bounded.",
        "none",
        {
            "A": Series("Leaking", promql.count_of("leaking", "native-leak"), VERMILION),
            "B": Series("Creeping", promql.count_of("creeping"), ORANGE),
            "C": Series("Failed or idle", promql.count_of("failed", "idle"), PURPLE),
            "D": Series("Undecided", promql.count_of("inconclusive"), GREY),
            "E": Series("No growth", promql.count_of("stable", "settling", "bounded"), GREEN),
        },
        width=14,
        on_colour=True,
    )


def _health() -> Stat:
    missed = threshold("missed_intervals")
    panel = stat(
        "Are measurements running and delivered?",
        f"Overdue: evals without a run for {missed} of their intervals. Skipped: runs in the time range that were not "
        "started because the previous run had not finished. Undelivered: batches of telemetry in the time range. "
        "Waiting: telemetry on disk, to be sent again with `otel-memeval replay`.",
        "none",
        {
            "A": Series("Overdue", promql.overdue_count(missed), ORANGE),
            "B": Series("Skipped", promql.skipped_runs(), ORANGE),
            "C": Series("Undelivered", promql.undelivered_batches(), ORANGE),
            "D": Series("Waiting", promql.waiting_bytes(), ORANGE),
        },
        [named("Waiting", ("unit", "bytes"))],
        width=10,
        on_colour=True,
    )
    return panel.decimals(0)


def _evals() -> Table:
    queries = {
        "verdict": promql.verdict_code(),
        "growth": held(telemetry.GROWTH, matchers=RETAINED),
        "peak": held(telemetry.GROWTH, matchers='kind="peak"'),
        "info": latest(telemetry.LAST_RUN_INFO, "revision", "site", "holder"),
        "run": f"1000 * {held(telemetry.LAST_RUN)}",
        "since": f"1000 * {promql.recorded_since()}",
        "passed": f"1000 * {held(telemetry.LAST_SUCCESS)}",
    }
    headings = {
        "Value #verdict": "Verdict", "Value #since": "Since", "eval": "Eval", "Value #growth": "Growth",
        "Trend #trend": "Trend", "site": "Line", "holder": "Holder", "Value #peak": "Peak growth",
        "Value #run": "Last run", "Value #passed": "Last passed", "revision": "Revision", "job": "Job",
    }  # fmt: skip
    spark = {"type": "sparkline", "drawStyle": "line", "lineInterpolation": "stepAfter", "hideValue": True}
    trend = range_query("trend", held(telemetry.GROWTH, matchers=RETAINED), "{{eval}}")
    panel = table(
        "Which eval keeps memory, and where?",
        "All evals, the worst verdict first. Since: start of the current verdict (from the recording rules; empty without "
        "them). Growth: retained memory that each iteration adds. Line: the source line that grew most in the last run. "
        "Holder: the container that holds the memory. Last passed: the end of the last run that passed.",
        "none",
        [*(table_query(ref, expr) for ref, expr in queries.items()), trend],
        [
            transformation("timeSeriesTable", {"trend": {"stat": "lastNotNull"}}, only_query="trend"),
            transformation("merge"),
            largest_first("Value #verdict"),
            columns(headings, HIDDEN),
        ],
        [
            named("Verdict", *verdict_cell()),
            _eval_column(),
            named("Growth", *BYTES, ("custom.width", 95)),
            named("Trend", ("unit", "bytes"), ("custom.cellOptions", spark), ("custom.width", 150)),
            named("Peak growth", *BYTES, ("custom.width", 105)),
            matching("Since|Last run|Last passed", ("unit", "dateTimeFromNow"), ("custom.width", 125)),
            named("Revision", ("custom.width", 135)),
        ],
        width=24,
        height=12,
    )
    return panel.max_data_points(100)


def _changes() -> Table:
    growth, before = held(telemetry.GROWTH, matchers=RETAINED), held(telemetry.GROWTH, matchers=RETAINED, offset="$__range")
    queries = {
        "then": promql.verdict_code(offset="$__range"),
        "now": promql.verdict_code(),
        "from": before,
        "to": growth,
        "change": f"{growth} - {before}",
        "info": promql.last_revision("now"),
        "passing": f"1000 * ({promql.passing_revision()})",
    }
    headings = {
        "eval": "Eval", "Value #then": "Verdict then", "Value #now": "Verdict now", "Value #from": "Growth then",
        "Value #to": "Growth now", "Value #change": "Change", "revision": "Last passing revision",
        "Value #passing": "Passed until", "now": "Revision now", "job": "Job",
    }  # fmt: skip
    return table(
        "What changed within the time range?",
        "Each eval at the beginning of the time range and now: verdict, growth, the revision of the last run, and the last "
        "revision that passed. The cause of a failure lies between these two revisions.",
        "none",
        [table_query(ref, expr) for ref, expr in queries.items()],
        [transformation("merge"), largest_first("Value #change"), columns(headings, HIDDEN)],
        [
            matching("Verdict.*", *verdict_cell()),
            _eval_column(),
            matching("Growth.*|Change", *BYTES),
            named("Passed until", ("unit", "dateTimeAsLocal")),
        ],
        width=24,
        height=9,
    )


def eval_url(job: str, name: str) -> str:
    """Return the address of one eval's dashboard; ``job`` and ``name`` are the variables that Grafana fills in."""
    chosen = f"var-job=${{{job}:percentencode}}&var-eval=${{{name}:percentencode}}"
    return f"/d/{EVAL_UID}?${{datasource:queryparam}}&{chosen}&${{__url_time_range}}"


def _eval_link(job: str, name: str) -> Property:
    return link("This eval", eval_url(job, name))


def _eval_column() -> Override:
    return named("Eval", ("custom.width", 190), _eval_link("__data.fields.job", "__data.fields.eval"))
