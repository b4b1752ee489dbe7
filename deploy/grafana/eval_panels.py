"""List the panels of one eval: title, description, queries, columns and order. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from deploy.grafana import promql
from deploy.grafana.builders import (
    Panel,
    Series,
    columns,
    fixed_colour,
    largest_first,
    named,
    span_table,
    stat,
    table,
    table_query,
    time_series,
    transformation,
    verdict_timeline,
)  # fmt: skip
from deploy.grafana.colours import BLUE, GREEN, KIND_COLOURS, ORANGE, PURPLE, SKY, states_mapping
from deploy.grafana.promql import held, latest
from otel_memeval import telemetry

GROWTH_TITLE = "Is growth within its limit?"
"""The panel that alerts link to."""

HIDDEN = ("Time", "job", "eval", "cluster", "namespace", "environment")


def eval_panels() -> list[Panel]:
    """Return the panels of one eval, in order: its last run, then its past."""
    return [
        *_last_run_numbers(),
        _sites(),
        _holders(),
        _growth_and_limits(),
        _last_run(),
        *_resources(),
        *_past(),
    ]


def model_panels() -> list[Panel]:
    """Return the panels of the models and tools that an iteration calls."""
    return [
        time_series(
            "How many calls does an iteration make?",
            "Calls of models and of tools in the last iteration of each run.",
            "none",
            {
                "A": Series("model calls", held(telemetry.ITERATION_MODEL_CALLS)),
                "B": Series("tool calls", held(telemetry.ITERATION_TOOL_CALLS)),
            },
        ),
        time_series(
            "How many tokens does an iteration take?",
            "Tokens to and from models in the last iteration of each run. A peak that grows with the input tokens "
            "indicates a context that becomes longer.",
            "none",
            {
                "A": Series("tokens in", held(telemetry.ITERATION_INPUT_TOKENS)),
                "B": Series("tokens out", held(telemetry.ITERATION_OUTPUT_TOKENS)),
            },
        ),
    ]


def trace_panels() -> list[Panel]:
    """Return the panels of the spans in Tempo."""
    of_run = (telemetry.VERDICT, telemetry.RETAINED_PER_ITERATION, telemetry.PEAK_PER_ITERATION, telemetry.VERDICT_SUMMARY)
    of_iteration = (
        telemetry.INDEX, telemetry.PHASE, telemetry.RETAINED, telemetry.RETAINED_GROWTH, telemetry.TRACED_PEAK,
        telemetry.RSS,
    )  # fmt: skip
    return [
        span_table(
            "Which runs were traced?",
            "One span per run, with its verdict. Each row links to its trace.",
            _spans_of_eval(telemetry.RUN_SPAN, of_run),
        ),
        span_table(
            "How much did each iteration retain?",
            "One span per iteration, with its memory in bytes.",
            _spans_of_eval(telemetry.ITERATION_SPAN, of_iteration),
        ),
    ]


def _last_run_numbers() -> list[Stat]:
    growth = latest(telemetry.GROWTH, "kind")
    verdict = stat(
        "Verdict",
        "The verdict of the last run. The runbook explains what to do.",
        "none",
        {"A": Series("{{environment}}", promql.verdict_code())},
        width=4,
        on_colour=True,
    )
    return [
        verdict.mappings(states_mapping()),
        stat(
            "Growth per iteration",
            "Growth per iteration in the last run: retained memory (traced by Python), its peak, the C heap (native), "
            "and the whole process.",
            "bytes",
            {"A": Series("{{kind}}", growth)},
            width=9,
        ).decimals(1),
        stat(
            "When",
            "Since when the eval has its verdict (empty: since before the time range), the end of the last run, the end of "
            "the last run that passed, and since when runs are worse than their baseline, if they are.",
            "dateTimeFromNow",
            {
                "A": Series("Verdict since", f"1000 * {promql.verdict_since()}"),
                "B": Series("Last run", f"1000 * {held(telemetry.LAST_RUN)}"),
                "C": Series("Last passed", f"1000 * {held(telemetry.LAST_SUCCESS)}"),
                "D": Series("Regressed since", f"1000 * {latest(telemetry.REGRESSED_SINCE)}"),
            },
            width=8,
        ),
        stat(
            "Duration",
            "Duration of the last run, all its iterations together.",
            "s",
            {"A": Series("{{environment}}", held(telemetry.LAST_RUN_DURATION))},
            width=3,
        ),
    ]


def _sites() -> Table:
    panel = table(
        "Which lines grow?",
        "Source lines whose retained memory grew most in the last run. Empty if nothing grew.",
        "bytes",
        [table_query("A", f"sort_desc({latest(telemetry.SITE_GROWTH, 'file', 'line', 'function')})")],
        [
            largest_first("Value"),
            columns({"Value": "Per iteration", "file": "File", "line": "Line", "function": "Function"}, HIDDEN),
        ],
        [
            named("Per iteration", ("decimals", 1), ("custom.width", 110)),
            named("Line", ("unit", "none"), ("custom.width", 70)),
        ],
        width=13,
        height=7,
    )
    return panel.no_value("No line grew in the last run")


def _holders() -> Table:
    panel = table(
        "Which containers grow?",
        "Containers that became longer in the last run and hold the memory, by their path from a module.",
        "none",
        [table_query("A", f"sort_desc({latest(telemetry.HOLDER_GROWTH, 'path', 'type')})")],
        [largest_first("Value"), columns({"Value": "Items per iteration", "path": "Holder", "type": "Type"}, HIDDEN)],
        [named("Items per iteration", ("decimals", 2), ("custom.width", 130))],
        width=11,
        height=7,
    )
    return panel.no_value("No container grew in the last run")


def _resources() -> list[TimeSeries]:
    return [
        time_series(
            "Which resources are left behind?",
            "File descriptors, sockets, threads, asyncio tasks and child processes that each iteration leaves behind, in "
            "each run. Empty if none grows.",
            "none",
            {"A": Series("{{resource}}", latest(telemetry.RESOURCE_GROWTH, "resource"))},
        ).no_value("No resource grew"),
        time_series(
            "How much do child processes grow?",
            "Growth of the memory of child processes per iteration, in each run. Empty if it does not grow.",
            "bytes",
            {"A": Series("child processes", latest(telemetry.CHILD_MEMORY_GROWTH))},
        ).no_value("No child process grew"),
    ]


def _growth_and_limits() -> TimeSeries:
    dashed = ("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
    overrides = []
    for kind, colour in KIND_COLOURS.items():
        overrides.append(named(kind, fixed_colour(colour)))
        overrides.append(named(f"limit of {kind}", fixed_colour(colour), dashed, ("custom.lineWidth", 1)))
    return time_series(
        GROWTH_TITLE,
        "Growth per iteration in each run. Dashed: the eval's limits (--max-growth, --max-peak-growth), if it has any.",
        "bytes",
        {
            "growth": Series("{{kind}}", held(telemetry.GROWTH, "kind")),
            "limit": Series("limit of {{kind}}", latest(telemetry.GROWTH_LIMIT, "kind")),
        },
        overrides,
        width=15,
    )


def _last_run() -> Table:
    info = latest(telemetry.LAST_RUN_INFO, "target", "revision", "site", "holder")
    headings = {"shown": "", "target": "Target", "revision": "Revision", "site": "Line", "holder": "Holder"}
    return table(
        "What did the last run measure?",
        "Target and revision of the last run, the line that grew most, and the container that holds its memory.",
        "none",
        [table_query("A", f'label_replace({info}, "shown", "Last run", "", "")')],
        [
            columns({**headings, "job": "Job", "environment": "Environment"}, hidden=("Time", "Value", "eval")),
            # The first column becomes the heading.
            transformation("transpose", {"firstFieldName": "Field", "restFieldsName": ""}),
        ],
        [],
        width=9,
        height=9,
    )


def _past() -> list[Panel]:
    return [
        time_series(
            "How large are retained memory and peak?",
            "After the last iteration of each run: retained memory, that is traced memory alive after a full "
            "collection; and the peak of that iteration above its start.",
            "bytes",
            {
                "A": Series("retained", held(telemetry.RETAINED_BYTES), KIND_COLOURS["retained"]),
                "B": Series("peak", held(telemetry.PEAK_BYTES), KIND_COLOURS["peak"]),
            },
        ),
        time_series(
            "How large is the process?",
            "Resident memory of the worker after the last iteration of each run, including memory that Python does not "
            "trace.",
            "bytes",
            {"A": Series("process", held(telemetry.RSS_BYTES), SKY)},
        ),
        verdict_timeline(
            "Verdict history",
            "The verdict of the last run, over time.",
            "{{job}} {{environment}}",
            width=24,
            height=5,
        ),
        time_series(
            "Which lines grew in each run?",
            "Growth of the lines that grew most in each run. A line number changes when lines above it are added or "
            "removed.",
            "bytes",
            {"A": Series("{{file}}:{{line}} in {{function}}", latest(telemetry.SITE_GROWTH, "file", "line", "function"))},
        ),
        time_series(
            "Which containers grew in each run?",
            "Items that containers gained per iteration, in each run.",
            "none",
            {"A": Series("{{path}} ({{type}})", latest(telemetry.HOLDER_GROWTH, "path", "type"))},
        ),
        time_series(
            "How long do runs and iterations take?",
            "Duration of the last run; the mean duration of an iteration within the last hour, and the duration within "
            "which 95% of the iterations end (for pushed gauges: of all iterations of the run). Each point is one "
            "iteration and links to its trace.",
            "s",
            {
                "run": Series("run", held(telemetry.LAST_RUN_DURATION), BLUE),
                "iteration": Series("iteration, mean", promql.mean_iteration_seconds(), ORANGE, exemplars=True),
                "slow": Series("iteration, 95%", promql.slow_iteration_seconds(), PURPLE),
            },
        ),
        time_series(
            "Do runs pass, and do iterations fail?",
            "Passed is 1 if the last run passed, else 0. Iterations with an error: how many of the counted iterations "
            "failed; one-shot runs do not send counters over OTLP, except as deltas.",
            "none",
            {
                "A": Series("passed", held(telemetry.LAST_RUN_SUCCESS), GREEN),
                "B": Series("iterations with an error", held(telemetry.ITERATIONS_TOTAL, matchers='status="error"'), PURPLE),
            },
        ),
    ]


def _spans_of_eval(span: str, attributes: Sequence[str]) -> str:
    """Return the TraceQL of the chosen eval's spans of one name, with the attributes that become columns."""
    found = f'name =~ "{span}.*" && span.{telemetry.SUITE_NAME} = ${{eval:doublequote}}'
    return f"{{ {found} }} | select({', '.join(f'span.{name}' for name in attributes)})"
