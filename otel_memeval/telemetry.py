"""Define the names of all telemetry: spans, attributes, events and metrics. Pure; all exporters use this table.

Names of OpenTelemetry's semantic conventions are used where they exist; there are none for a traced heap, so those names
begin with ``memeval.``. Bytes are integers in bytes. Other programs rely on these names: a renamed one needs a new version.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCOPE = "otel_memeval"
RUN_SPAN = "memeval.run"
ITERATION_SPAN = "memeval.iteration"
GROUP_SPAN = "memeval.group"
"""Around the runs of a command that measures on a cluster."""
GROWTH_EVENT = "memeval.growth"
EVALUATION_EVENT = "gen_ai.evaluation.result"
VERDICT_EVENT = "memeval.verdict"

RUN_ID = "memeval.run.id"
TARGET = "memeval.target"
PHASE = "memeval.iteration.phase"
INDEX = "memeval.iteration.index"
TRACED_CURRENT = "memeval.tracemalloc.current"
TRACED_PEAK = "memeval.tracemalloc.peak"
RETAINED = "memeval.retained"
RETAINED_GROWTH = "memeval.retained.growth"
RETAINED_BLOCKS = "memeval.retained.blocks"
RSS = "memeval.rss"
USS = "memeval.uss"
NATIVE_HEAP = "memeval.native_heap"
CPU_SECONDS = "memeval.cpu.time"
MODEL_CALLS = "memeval.gen_ai.model_calls"
TOOL_CALLS = "memeval.gen_ai.tool_calls"
INPUT_TOKENS = "memeval.gen_ai.input_tokens"
"""Not ``gen_ai.usage.*``: a backend that sums those would count the scenario's own spans twice."""
OUTPUT_TOKENS = "memeval.gen_ai.output_tokens"
GROWTH_BYTES = "memeval.growth.bytes"
GROWTH_BLOCKS = "memeval.growth.blocks"
GROWTH_RANK = "memeval.growth.rank"
VERDICT = "memeval.verdict"
VERDICT_SUMMARY = "memeval.verdict.summary"
RETAINED_PER_ITERATION = "memeval.growth.retained_per_iteration"
PEAK_PER_ITERATION = "memeval.growth.peak_per_iteration"
NATIVE_PER_ITERATION = "memeval.growth.native_per_iteration"
CHILD_MEMORY_PER_ITERATION = "memeval.growth.child_memory_per_iteration"
RESOURCES_PER_ITERATION = {
    name: f"memeval.resource.{name}_per_iteration"
    for name in ("child_processes", "threads", "tasks", "sockets", "file_descriptors")
}
"""By name of the resource."""
ITERATIONS = "memeval.iterations"
WARMUPS = "memeval.warmups"
LIMITS_EXCEEDED = "memeval.limits_exceeded"
REGRESSED = "memeval.regressed"
BASELINE_OUTCOME = "memeval.baseline.outcome"
BASELINE_SUMMARY = "memeval.baseline.summary"
BASELINE_RUNS = "memeval.baseline.runs"
BASELINE_SINCE = "memeval.baseline.since"
BASELINE_NEW_LEAKS = "memeval.baseline.new_leaks"
GROUP_EVALS = "memeval.group.evals"
GROUP_FAILING = "memeval.group.failing"

SUITE_NAME = "test.suite.name"
SUITE_STATUS = "test.suite.run.status"
CASE_NAME = "test.case.name"
CASE_STATUS = "test.case.result.status"
ERROR_TYPE = "error.type"
FILE = "code.file.path"
LINE = "code.line.number"
FUNCTION = "code.function.name"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_VALUE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"


class Attribute(msgspec.Struct, frozen=True):
    """An attribute: its spans, events or records, its type, its unit (UCUM) and its meaning."""

    name: str
    on: Literal["every", "iteration", "growth", "run", "group", "evaluation"]
    type: Literal["string", "string[]", "int", "double", "boolean"]
    unit: str
    help: str


ATTRIBUTES = (
    Attribute(RUN_ID, "every", "string", "", "Id of the run, 32 hexadecimal digits."),
    Attribute(SUITE_NAME, "every", "string", "", "Name of the eval."),
    Attribute(CASE_NAME, "iteration", "string", "", "Phase and index of the iteration."),
    Attribute(CASE_STATUS, "iteration", "string", "", "pass or fail."),
    Attribute(INDEX, "iteration", "int", "", "From 1, in each phase."),
    Attribute(PHASE, "iteration", "string", "", "warmup or measured."),
    Attribute(TRACED_CURRENT, "iteration", "int", "By", "Live memory by tracemalloc, the tool's own included."),
    Attribute(TRACED_PEAK, "iteration", "int", "By", "Peak of live memory above the live memory at the start."),
    Attribute(RETAINED, "iteration", "int", "By", "Live memory after a full collection, without the tool's own."),
    Attribute(RETAINED_GROWTH, "iteration", "int", "By", "Change of retained memory since the reading before."),
    Attribute(RETAINED_BLOCKS, "iteration", "int", "{block}", "Blocks of the retained bytes."),
    Attribute(RSS, "iteration", "int", "By", "Resident memory of the worker."),
    Attribute(USS, "iteration", "int", "By", "Memory of the worker that no other process shares."),
    Attribute(NATIVE_HEAP, "iteration", "int", "By", "The C heap without Python's traced blocks."),
    Attribute(CPU_SECONDS, "iteration", "double", "s", "Processor time of the iteration."),
    Attribute(MODEL_CALLS, "iteration", "int", "{call}", "Model calls, with --trace-scenario."),
    Attribute(TOOL_CALLS, "iteration", "int", "{call}", "Tool calls, with --trace-scenario."),
    Attribute(INPUT_TOKENS, "iteration", "int", "{token}", "Input tokens of models, with --trace-scenario."),
    Attribute(OUTPUT_TOKENS, "iteration", "int", "{token}", "Output tokens of models, with --trace-scenario."),
    Attribute(ERROR_TYPE, "iteration", "string", "", "Type of the error that ended the iteration, or the run."),
    Attribute(FILE, "growth", "string", "", "Source file of a site that grew."),
    Attribute(LINE, "growth", "int", "", "Line number of the site."),
    Attribute(FUNCTION, "growth", "string", "", "Qualified name of the site's function."),
    Attribute(GROWTH_BYTES, "growth", "int", "By", "Additional live bytes since the reading before."),
    Attribute(GROWTH_BLOCKS, "growth", "int", "{block}", "Additional live blocks since the reading before."),
    Attribute(GROWTH_RANK, "growth", "int", "", "1 for the site that grew most in this iteration."),
    Attribute(TARGET, "run", "string", "", "The target, as on the command line."),
    Attribute(SUITE_STATUS, "run", "string", "", "success or failure."),
    Attribute(VERDICT, "run", "string", "", "The state of the verdict."),
    Attribute(VERDICT_SUMMARY, "run", "string", "", "The verdict in one sentence."),
    Attribute(RETAINED_PER_ITERATION, "run", "double", "By", "Growth of retained memory per iteration."),
    Attribute(PEAK_PER_ITERATION, "run", "double", "By", "Growth of the peak per iteration."),
    Attribute(NATIVE_PER_ITERATION, "run", "double", "By", "Growth of the C heap per iteration."),
    Attribute(CHILD_MEMORY_PER_ITERATION, "run", "double", "By", "Growth of the memory of child processes per iteration."),
    *(
        Attribute(name, "run", "double", "", f"Growth of {resource.replace('_', ' ')} per iteration; absent if not read.")
        for resource, name in RESOURCES_PER_ITERATION.items()
    ),
    Attribute(ITERATIONS, "run", "int", "{iteration}", "Measured iterations."),
    Attribute(WARMUPS, "run", "int", "{iteration}", "Warm-up iterations."),
    Attribute(LIMITS_EXCEEDED, "run", "string[]", "", "A sentence for each limit that was exceeded."),
    Attribute(REGRESSED, "run", "boolean", "", "Whether the run is worse than its baseline; absent if not compared."),
    Attribute(
        BASELINE_OUTCOME, "run", "string", "", "regressed, improved, unchanged or unknown; absent without a baseline."
    ),
    Attribute(BASELINE_SUMMARY, "run", "string", "", "The comparison in one sentence."),
    Attribute(BASELINE_RUNS, "run", "int", "{run}", "Runs that the run was compared with."),
    Attribute(BASELINE_SINCE, "run", "string", "", "Commit, else id, of the first run that shows the regression."),
    Attribute(BASELINE_NEW_LEAKS, "run", "string[]", "", "Places of the leaks that the baseline does not have."),
    Attribute(GROUP_EVALS, "group", "int", "{eval}", "Evals that were measured on a cluster."),
    Attribute(GROUP_FAILING, "group", "int", "{eval}", "Those among them that do not pass."),
    Attribute(EVALUATION_NAME, "evaluation", "string", "", "Name of the evaluation: memory growth."),
    Attribute(EVALUATION_VALUE, "evaluation", "double", "By", "Growth of retained memory per iteration."),
    Attribute(EVALUATION_LABEL, "evaluation", "string", "", "The state of the verdict."),
    Attribute(EVALUATION_EXPLANATION, "evaluation", "string", "", "The verdict in one sentence."),
)


class Metric(msgspec.Struct, frozen=True):
    """A metric: its name in Prometheus, kind, unit (UCUM), labels and meaning."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str


RETAINED_BYTES = Metric("memeval_retained_bytes", "gauge", "By", ("eval",), "Retained memory after the last iteration.")
PEAK_BYTES = Metric("memeval_peak_bytes", "gauge", "By", ("eval",), "Peak of the last iteration above its beginning.")
RSS_BYTES = Metric("memeval_rss_bytes", "gauge", "By", ("eval",), "Resident memory of the worker after the last iteration.")
ITERATION_MODEL_CALLS = Metric("memeval_model_calls", "gauge", "", ("eval",), "Model calls of the last iteration.")
ITERATION_TOOL_CALLS = Metric("memeval_tool_calls", "gauge", "", ("eval",), "Tool calls of the last iteration.")
ITERATION_INPUT_TOKENS = Metric(
    "memeval_input_tokens", "gauge", "", ("eval",), "Tokens to models, last iteration, if known."
)
ITERATION_OUTPUT_TOKENS = Metric(
    "memeval_output_tokens", "gauge", "", ("eval",), "Tokens from models, last iteration, if known."
)
GROWTH = Metric(
    "memeval_growth_bytes_per_iteration",
    "gauge",
    "By",
    ("eval", "kind"),
    "Growth in the last run, by channel: retained, peak, native or process.",
)
GROWTH_LIMIT = Metric(
    "memeval_growth_limit_bytes_per_iteration",
    "gauge",
    "By",
    ("eval", "kind"),
    "Growth that the user allows; absent without a limit.",
)
SITE_GROWTH = Metric(
    "memeval_site_growth_bytes_per_iteration",
    "gauge",
    "By",
    ("eval", "file", "line", "function"),
    "Growth of the sites that grew most in the last run.",
)
HOLDER_GROWTH = Metric(
    "memeval_holder_growth_items_per_iteration",
    "gauge",
    "",
    ("eval", "path", "type"),
    "Growth of the containers that grew most in the last run.",
)
RESOURCE_GROWTH = Metric(
    "memeval_resource_growth_per_iteration",
    "gauge",
    "",
    ("eval", "resource"),
    "Growth of file descriptors, sockets, threads, tasks or child processes in the last run; absent without growth.",
)
CHILD_MEMORY_GROWTH = Metric(
    "memeval_child_memory_growth_bytes_per_iteration",
    "gauge",
    "By",
    ("eval",),
    "Growth of the memory of child processes in the last run; absent without growth.",
)
SUPPRESSED_LEAKS = Metric(
    "memeval_suppressed_leaks",
    "gauge",
    "",
    ("eval",),
    "Leaks of the last run that the user's rules take out of the verdict.",
)
RUN_REGRESSED = Metric(
    "memeval_regressed",
    "gauge",
    "",
    ("eval",),
    "1 if the last run is worse than its baseline, else 0; absent if not compared.",
)
REGRESSED_SINCE = Metric(
    "memeval_regressed_since_timestamp_seconds",
    "gauge",
    "s",
    ("eval",),
    "Start of the first run that is known to show the regression; absent without one.",
)
VERDICT_STATE = Metric("memeval_verdict", "gauge", "", ("eval", "state"), "1 for the state of the last verdict, else 0.")
LAST_RUN_INFO = Metric(
    "memeval_last_run_info",
    "gauge",
    "",
    ("eval", "target", "revision", "site", "holder"),
    "Always 1: target and commit of the last run, the site that grew most, and the container that holds it.",
)
LAST_RUN = Metric("memeval_last_run_timestamp_seconds", "gauge", "s", ("eval",), "End of the last run.")
LAST_SUCCESS = Metric("memeval_last_success_timestamp_seconds", "gauge", "s", ("eval",), "End of the last run that passed.")
LAST_RUN_SUCCESS = Metric("memeval_last_run_success", "gauge", "", ("eval",), "1 if the last run passed, else 0.")
LAST_RUN_DURATION = Metric("memeval_last_run_duration_seconds", "gauge", "s", ("eval",), "Duration of the last run.")
EXPECTED_INTERVAL = Metric(
    "memeval_expected_interval_seconds",
    "gauge",
    "s",
    ("eval",),
    "Time between two runs as configured; absent if unknown.",
)
BUILD_INFO = Metric(
    "memeval_build_info", "gauge", "", ("version", "python"), "Always 1: version of this tool, and of the scenario's Python."
)
SPOOL_BYTES = Metric("memeval_spool_bytes", "gauge", "By", (), "Size of the telemetry that waits to be delivered.")
MEASUREMENT_OVERDUE = Metric(
    "memeval_measurement_overdue",
    "gauge",
    "",
    (),
    "1 if the current step of a service has exceeded its time limit by a minute, else 0.",
)
ITERATION_DURATION = Metric(
    "memeval_iteration_duration_seconds", "histogram", "s", ("eval",), "Durations of measured iterations."
)
ITERATIONS_TOTAL = Metric("memeval_iterations_total", "counter", "", ("eval", "status"), "Measured iterations.")
RUNS_TOTAL = Metric("memeval_runs_total", "counter", "", ("eval", "state"), "Runs, by verdict.")
RUNS_SKIPPED = Metric(
    "memeval_runs_skipped_total", "counter", "", ("eval",), "Runs skipped because the run before was not over in time."
)
EXPORT_FAILURES = Metric("memeval_export_failures_total", "counter", "", ("exporter",), "Batches that were not delivered.")

GENAI_METRICS = (ITERATION_MODEL_CALLS, ITERATION_TOOL_CALLS, ITERATION_INPUT_TOKENS, ITERATION_OUTPUT_TOKENS)
"""Gauges of a run with --trace-scenario."""

METRICS = (
    RETAINED_BYTES, PEAK_BYTES, RSS_BYTES, *GENAI_METRICS,
    GROWTH, GROWTH_LIMIT, SITE_GROWTH, HOLDER_GROWTH, RESOURCE_GROWTH, CHILD_MEMORY_GROWTH, SUPPRESSED_LEAKS,
    RUN_REGRESSED, REGRESSED_SINCE, VERDICT_STATE,
    LAST_RUN_INFO, LAST_RUN, LAST_SUCCESS, LAST_RUN_SUCCESS,
    LAST_RUN_DURATION, EXPECTED_INTERVAL, BUILD_INFO, SPOOL_BYTES, MEASUREMENT_OVERDUE,
    ITERATION_DURATION, ITERATIONS_TOTAL, RUNS_TOTAL, RUNS_SKIPPED, EXPORT_FAILURES,
)  # fmt: skip

DURATION_BUCKETS = (
    0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0,
)  # fmt: skip
"""Upper bounds in seconds over OTLP: two in each power of ten, from a function to an agent that works for minutes.

Explicit bounds are the default of OpenTelemetry's SDKs, every receiver takes them, and the queries are those of a scrape.
"""

SCRAPED_DURATION_BUCKETS = DURATION_BUCKETS[::2]
"""Upper bounds in seconds for Prometheus, where each bound is a series of every eval: one in each power of ten."""


def span_name(kind: str, eval_name: str) -> str:
    """Return the name of a span, such as ``memeval.run {eval}``; the kind alone for an eval without a name."""
    return f"{kind} {eval_name}".rstrip()
