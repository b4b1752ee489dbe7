"""Build the PromQL of the dashboards, for gauges that change once per run, scraped, pushed or sent. Pure.

A gauge that an exporter serves, a Pushgateway keeps or a textfile contains is present at every scrape. A gauge that was sent
once over OTLP disappears from Prometheus after minutes; its last value within ``HOLD`` then counts. This applies to such a
source only: a line that no longer grows must not be shown for two days because it did so before. If several sources have
gauges of one eval, such as a pod and its replacement, the newest run counts. The alerting rules follow the same logic.
"""

from __future__ import annotations

from otel_memeval import telemetry
from otel_memeval.telemetry import Metric
from otel_memeval.verdicts import STATES_WORST_FIRST, State

HOLD = "2d"
"""How long a value counts after it was last seen: the interval of an eval that runs once a day, and one missed run."""

EVAL = "cluster, namespace, environment, job, eval"
"""The labels that identify an eval. The first three exist only where environments share a Prometheus."""

SOURCE = f"{EVAL}, instance"

CODES = {state: code for code, state in enumerate(reversed(STATES_WORST_FIRST))}
"""Numbers for the states of a verdict, which panels need: the larger, the worse."""

_OF_JOB = "{job=~`${job:regex}`}"
_CHOSEN = "{job=~`${job:regex}`, eval=~`${eval:regex}`%s}"
# In backticks and in Grafana's regex format, because a name may contain quotes, dots and slashes.


def selector(metric: str, matchers: str = "") -> str:
    """Return the selector of a metric's series for the chosen evals."""
    return metric + _CHOSEN % (f", {matchers}" if matchers else "")


def held(metric: Metric, *labels: str, matchers: str = "", offset: str = "") -> str:
    """Return the query of a metric by eval and ``labels``, at each point in time."""
    at = f" offset {offset}" if offset else ""
    series, run = selector(metric.name, matchers), selector(telemetry.LAST_RUN.name)
    gone = f"last_over_time({series}[{HOLD}]{at}) unless on ({SOURCE}) {run}{at}"
    return f"max by ({', '.join((EVAL, *labels))}) (({series}{at} or ({gone})) and on ({SOURCE}) {_newest(at)})"


def latest(metric: Metric, *labels: str, matchers: str = "") -> str:
    """Return the query of ``held`` limited to the last run, also if an earlier run within ``HOLD`` had other labels.

    The query is more expensive than ``held``. It relies on all series of a run being last seen at the same moment as the
    time of the run.
    """
    series, run, by = selector(metric.name, matchers), selector(telemetry.LAST_RUN.name), ", ".join((SOURCE, *labels))
    seen = "max_over_time((0 * %s + time())[" + HOLD + ":5m])"  # not timestamp(), which is slow within a subquery
    of_last_run = f"({seen % series} == on ({SOURCE}) group_left () max by ({SOURCE}) ({seen % run}))"
    gone = f"last_over_time({series}[{HOLD}]) and on ({by}) {of_last_run} unless on ({SOURCE}) {run}"
    return f"max by ({', '.join((EVAL, *labels))}) (({series} or ({gone})) and on ({SOURCE}) {_newest('')})"


def _newest(at: str) -> str:
    run = f"last_over_time({selector(telemetry.LAST_RUN.name)}[{HOLD}]{at})"
    return f"({run} == on ({EVAL}) group_left () max by ({EVAL}) ({run}))"


def verdict_code(offset: str = "") -> str:
    """Return the query of each eval's verdict as its code."""
    table = " or ".join(f'label_replace(vector({code}), "state", "{state}", "", "")' for state, code in CODES.items())
    states = held(telemetry.VERDICT_STATE, "state", offset=offset)
    return f"max by ({EVAL}) (({states} == 1) * on (state) group_left () ({table}))"


def verdict_since() -> str:
    """Return the query of the time since which an eval has its verdict, in seconds since 1970.

    The result is empty if the verdict was the same throughout the time range. For one eval only: the query reads every state
    at every five minutes.
    """
    other = selector(telemetry.VERDICT_STATE.name)
    before = f"max_over_time((({other} == 0) + time())[$__range:5m])"
    return f"max by ({EVAL}) ({before} and on ({EVAL}, state) {held(telemetry.VERDICT_STATE, 'state')} == 1)"


def recorded_since() -> str:
    """Return the same time for all evals from the shipped recording rules; without those rules the result is empty."""
    return f"max by ({EVAL}) ({selector('eval:memeval_verdict:since_timestamp_seconds')} > 0)"


def count_of(*states: State) -> str:
    """Return the query of the number of evals that have one of the states now."""
    chosen = held(telemetry.VERDICT_STATE, "state", matchers=f'state=~"{"|".join(states)}"')
    return f"count({chosen} == 1) or vector(0)"


def fastest_growing(count: int, matchers: str) -> str:
    """Return the query of growth over time for the ``count`` evals that grow most at the end of the time range."""
    now = f"max by ({EVAL}) (last_over_time({selector(telemetry.GROWTH.name, matchers)}[{HOLD}] @ end()))"
    return f"{held(telemetry.GROWTH, matchers=matchers)} and on ({EVAL}) topk({count}, {now})"


def overdue_count(missed_intervals: int) -> str:
    """Return the query of the number of evals without a run for more than so many of their intervals."""
    age = f"(time() - {held(telemetry.LAST_RUN)})"
    return f"count({age} > on ({EVAL}) {missed_intervals} * {held(telemetry.EXPECTED_INTERVAL)}) or vector(0)"


def skipped_runs() -> str:
    """Return the query of the number of runs that were skipped within the time range."""
    return f"sum(increase({selector(telemetry.RUNS_SKIPPED.name)}[$__range])) or vector(0)"


def undelivered_batches() -> str:
    """Return the query of the number of batches of telemetry that were not delivered within the time range."""
    return f"sum(increase({telemetry.EXPORT_FAILURES.name}{_OF_JOB}[$__range])) or vector(0)"


def waiting_bytes() -> str:
    """Return the query of the bytes of telemetry that wait to be delivered."""
    return f"sum(last_over_time({telemetry.SPOOL_BYTES.name}{_OF_JOB}[{HOLD}])) or vector(0)"


def last_revision(label: str) -> str:
    """Return the query of the revision of each eval's last run, in a label of this name."""
    info = f'label_replace({latest(telemetry.LAST_RUN_INFO, "revision")}, "{label}", "$1", "revision", "(.*)")'
    return f"max by ({EVAL}, {label}) ({info})"


def passing_revision() -> str:
    """Return the query of the revision of each eval's last passing run within the time range; the value is its time."""
    by = f"{EVAL}, revision"
    passed = f"{selector(telemetry.LAST_RUN_SUCCESS.name)} == 1"
    seen = f"(0 * {selector(telemetry.LAST_RUN_INFO.name)} + time() and on ({SOURCE}) {passed})[$__range:5m]"
    return f"topk by ({EVAL}) (1, max by ({by}) (max_over_time({seen})))"


def new_revision() -> str:
    """Return a query that has a series for five minutes after a revision is first seen."""
    info = selector(telemetry.LAST_RUN_INFO.name)
    return f"group by (eval, revision) ({info}) unless on (eval, revision) last_over_time({info}[{HOLD}] offset 5m)"


def firing_alerts() -> str:
    """Return a query that has a series for as long as an alert of the shipped rules fires for one of the chosen evals."""
    firing = selector("ALERTS", 'alertname=~"Memeval.*", alertstate="firing"')
    return f"max by (alertname, severity, eval) ({firing})"


def mean_iteration_seconds() -> str:
    """Return the query of the mean duration of an iteration within an hour.

    If the counter did not move within the hour, the mean is that of all iterations counted so far. The largest bucket counts
    all iterations; its series carry the exemplars, which sum and count do not have.
    """
    name = telemetry.ITERATION_DURATION.name
    total, count, buckets = selector(f"{name}_sum"), selector(f"{name}_count"), selector(f"{name}_bucket")
    recent = f"max by ({EVAL}) (increase({total}[1h])) / (max by ({EVAL}) (increase({buckets}[1h])) > 0)"
    ever = f"max by ({EVAL}) (last_over_time({total}[{HOLD}])) / max by ({EVAL}) (last_over_time({count}[{HOLD}]))"
    return f"({recent}) or on ({EVAL}) ({ever})"


def slow_iteration_seconds() -> str:
    """Return the query of the duration within which 95% of the iterations of an hour end, or of all counted so far."""
    buckets = selector(f"{telemetry.ITERATION_DURATION.name}_bucket")
    recent, ever = (
        f"histogram_quantile(0.95, max by ({EVAL}, le) ({series}))"
        for series in (f"increase({buckets}[1h])", f"last_over_time({buckets}[{HOLD}])")
    )
    return f"{recent} >= 0 or on ({EVAL}) {ever}"  # without an iteration in the hour, the quantile is not a number
