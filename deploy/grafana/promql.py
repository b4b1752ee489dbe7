"""PromQL of the dashboards, right for gauges that change once a run, scraped, pushed or sent. Pure.

A gauge that an exporter serves, a Pushgateway holds or a textfile has is there at every scrape. One that was sent once over
OTLP is gone after minutes: then its last value within ``HOLD`` counts. It counts for such a source only: a line that no
longer grows must not linger for two days because it did so before. Where several sources tell of one eval, such as a pod and
the one that replaced it, the newest run speaks for it. The alerting rules see it the same way.
"""

from __future__ import annotations

from otel_memeval import telemetry
from otel_memeval.telemetry import Metric

HOLD = "2d"
"""How long a value counts after it was last seen: an eval that runs once a day, and one run that was missed."""

EVAL = "cluster, namespace, environment, job, eval"
"""What one eval is. The first three are set by whoever lets environments share a Prometheus, and else are not there."""

SOURCE = f"{EVAL}, instance"

STATES_WORST_FIRST = (
    "leaking", "native-leak", "failed", "idle", "creeping", "inconclusive", "bounded", "settling", "stable",
)  # fmt: skip

CODES = {state: code for code, state in enumerate(reversed(STATES_WORST_FIRST))}
"""Of a verdict's state, as panels need a number: the larger the worse."""

_CHOSEN = "{job=~`${job:regex}`, eval=~`${eval:regex}`%s}"
# In backticks and by Grafana's regex format: a name may hold quotes, dots and slashes.


def selector(metric: str, matchers: str = "") -> str:
    """The series of the chosen evals."""
    return metric + _CHOSEN % (f", {matchers}" if matchers else "")


def held(metric: Metric, *labels: str, matchers: str = "", offset: str = "") -> str:
    """The metric by eval and ``labels``, at each point in time."""
    series, run, at = (
        selector(metric.name, matchers),
        selector(telemetry.LAST_RUN.name),
        f" offset {offset}" if offset else "",
    )
    gone = f"last_over_time({series}[{HOLD}]{at}) unless on ({SOURCE}) {run}{at}"
    return f"max by ({', '.join((EVAL, *labels))}) (({series}{at} or ({gone})) and on ({SOURCE}) {_newest(at)})"


def latest(metric: Metric, *labels: str, matchers: str = "") -> str:
    """As ``held``, and of the last run alone: also where an earlier one within ``HOLD`` had other labels. It costs more.

    Everything of a run is seen last at one moment: when the time of the run is.
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
    """The verdict of each eval as its code."""
    table = " or ".join(f'label_replace(vector({code}), "state", "{state}", "", "")' for state, code in CODES.items())
    states = held(telemetry.VERDICT_STATE, "state", offset=offset)
    return f"max by ({EVAL}) (({states} == 1) * on (state) group_left () ({table}))"


def verdict_since() -> str:
    """When the verdict became what it is, in seconds since 1970; absent if it was so all through the time range.

    For one eval: it looks at every state at every five minutes.
    """
    other = selector(telemetry.VERDICT_STATE.name)
    before = f"max_over_time((({other} == 0) + time())[$__range:5m])"
    return f"max by ({EVAL}) ({before} and on ({EVAL}, state) {held(telemetry.VERDICT_STATE, 'state')} == 1)"


def recorded_since() -> str:
    """The same as the shipped recording rules have it, for all evals; absent without those rules."""
    return f"max by ({EVAL}) ({selector('eval:memeval_verdict:since_timestamp_seconds')} > 0)"


def count_of(*states: str) -> str:
    """How many evals have one of the states now."""
    chosen = held(telemetry.VERDICT_STATE, "state", matchers=f'state=~"{"|".join(states)}"')
    return f"count({chosen} == 1) or vector(0)"


def passing_revision() -> str:
    """The revision of the last run that passed within the time range, by eval; the value is when it was last seen."""
    by = f"{EVAL}, revision"
    passed = f"{selector(telemetry.LAST_RUN_SUCCESS.name)} == 1"
    seen = f"(0 * {selector(telemetry.LAST_RUN_INFO.name)} + time() and on ({SOURCE}) {passed})[$__range:5m]"
    return f"topk by ({EVAL}) (1, max by ({by}) (max_over_time({seen})))"


def new_revision() -> str:
    """For five minutes from when a revision is first seen."""
    info = selector(telemetry.LAST_RUN_INFO.name)
    return f"group by (eval, revision) ({info}) unless on (eval, revision) last_over_time({info}[{HOLD}] offset 5m)"


def mean_iteration_seconds() -> str:
    """The mean duration of an iteration within an hour; of all that were counted, where the counter did not move.

    The largest bucket counts all iterations, and its series carry the exemplars that a sum and a count have not.
    """
    name = telemetry.ITERATION_DURATION.name
    total, count, buckets = selector(f"{name}_sum"), selector(f"{name}_count"), selector(f"{name}_bucket")
    recent = f"max by ({EVAL}) (increase({total}[1h])) / (max by ({EVAL}) (increase({buckets}[1h])) > 0)"
    ever = f"max by ({EVAL}) (last_over_time({total}[{HOLD}])) / max by ({EVAL}) (last_over_time({count}[{HOLD}]))"
    return f"({recent}) or on ({EVAL}) ({ever})"
