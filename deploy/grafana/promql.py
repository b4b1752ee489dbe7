"""PromQL of the dashboards, right for gauges that change once a run, scraped or pushed. Pure.

A gauge that an exporter serves, a Pushgateway holds or a textfile has is there at every scrape. One that was sent once over
OTLP is gone after minutes: then its last value within ``HOLD`` counts. It counts for those evals only: a line that no longer
grows must not linger for two days because it did so before.
"""

from __future__ import annotations

from otel_memeval import telemetry
from otel_memeval.telemetry import Metric

HOLD = "2d"
"""How long a value counts after it was last seen: an eval that runs once a day, and one run that was missed."""

STATES_WORST_FIRST = (
    "leaking", "native-leak", "failed", "idle", "creeping", "inconclusive", "bounded", "settling", "stable",
)  # fmt: skip

CODES = {state: code for code, state in enumerate(reversed(STATES_WORST_FIRST))}
"""Of a verdict's state, as panels need a number: the larger the worse."""

_SELECTOR = "{job=~`${job:regex}`, eval=~`${eval:regex}`%s}"
# In backticks and by Grafana's regex format: a name may hold quotes, dots and slashes.


def selector(metric: str, matchers: str = "") -> str:
    """The series of the chosen evals."""
    return metric + _SELECTOR % (f", {matchers}" if matchers else "")


def held(metric: Metric, *labels: str, matchers: str = "", offset: str = "") -> str:
    """The metric by job, eval and ``labels``, at each point in time."""
    series, live = selector(metric.name, matchers), selector(telemetry.LAST_RUN.name)
    by = ", ".join(("job", "eval", *labels))
    at = f" offset {offset}" if offset else ""
    return (
        f"(max by ({by}) ({series}{at}) or "
        f"(max by ({by}) (last_over_time({series}[{HOLD}]{at})) unless on (job, eval) {live}{at}))"
    )


def latest(metric: Metric, *labels: str) -> str:
    """As ``held``, now, and of the last run alone: also where an earlier one within ``HOLD`` had other labels.

    Everything of a run has the time stamp of one scrape; the last run's is that of its own time.
    """
    series, live = selector(metric.name), selector(telemetry.LAST_RUN.name)
    by = ", ".join(("job", "eval", *labels))
    seen = f"max_over_time(timestamp(%s)[{HOLD}:5m])"
    return (
        f"(max by ({by}) ({series}) or "
        f"(max by ({by}) (last_over_time({series}[{HOLD}])) and on ({by}) "
        f"(max by ({by}) ({seen % series}) == on (job, eval) group_left () max by (job, eval) ({seen % live})) "
        f"unless on (job, eval) {live}))"
    )


def verdict_code(offset: str = "") -> str:
    """The verdict of each job and eval as its code."""
    table = " or ".join(f'label_replace(vector({code}), "state", "{state}", "", "")' for state, code in CODES.items())
    states = held(telemetry.VERDICT_STATE, "state", offset=offset)
    return f"max by (job, eval) (({states} == 1) * on (state) group_left () ({table}))"


def count_of(*states: str) -> str:
    """How many evals have one of the states now."""
    wanted = "|".join(states)
    chosen = held(telemetry.VERDICT_STATE, matchers=f'state=~"{wanted}"')
    return f"count({chosen} == 1) or vector(0)"


def passing_revision() -> str:
    """The revision of the last run that passed within the time range, by job and eval; the value is when it was last seen."""
    by = "job, eval, revision"
    passed = f"{selector(telemetry.LAST_RUN_SUCCESS.name)} == 1"
    seen = f"(timestamp({selector(telemetry.LAST_RUN_INFO.name)}) and on (job, eval) {passed})[$__range:5m]"
    newest = f"max by ({by}) (max_over_time({seen}))"
    return f"{newest} == on (job, eval) group_left () max by (job, eval) ({newest})"


def new_revision() -> str:
    """For five minutes from when a revision is first seen."""
    info = selector(telemetry.LAST_RUN_INFO.name)
    return f"group by (eval, revision) ({info}) unless on (eval, revision) last_over_time({info}[{HOLD}] offset 5m)"


def mean_iteration_seconds() -> str:
    """The mean duration of an iteration within an hour; of all that were counted where the counter did not move.

    The largest bucket counts all iterations, and its series carry the exemplars that a sum and a count have not.
    """
    name = telemetry.ITERATION_DURATION.name
    total, buckets = selector(f"{name}_sum"), selector(f"{name}_bucket")
    recent = f"max by (job, eval) (increase({buckets}[1h]))"
    counted = f"max by (job, eval) (last_over_time({selector(name + '_count')}[{HOLD}]))"
    return (
        f"(max by (job, eval) (increase({total}[1h])) / ({recent} > 0)) or on (job, eval) "
        f"(max by (job, eval) (last_over_time({total}[{HOLD}])) / {counted})"
    )
