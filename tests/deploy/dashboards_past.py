"""Write a day and a half of gauges of real runs as data of Prometheus: each run is measured once and repeated.

| eval | its runs | how its gauges arrive |
| --- | --- | --- |
| ``Weather "agent" (v2.0)/it's`` | passes at revision A, regressed from B on | pushed, lines in ``part="detail"`` |
| ``Nightly`` | leaked first, passes since | sent over OTLP: present for five minutes after each run, without counters |
| ``History`` | its peak creeps; traced, with calls and tokens; has limits | scraped from a pod that was replaced |
| ``Broken`` | passed once, fails since | scraped |
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.families import Snapshot, metric_families
from otel_memeval.exporters.prometheus.state import EvalState, state_after_run
from otel_memeval.exporters.samples import Labels
from otel_memeval.records import Comparison, Git, Limits, Result
from otel_memeval.records.comparison import Outcome
from tests.deploy.real_runs import measured
from tests.servers.prometheus import promtool

HOURS = 36
INTERVAL_SECONDS = 4 * 3600
SCRAPE_SECONDS = 240
WEATHER, NIGHTLY, HISTORY, BROKEN = 'Weather "agent" (v2.0)/it\'s', "Nightly", "History", "Broken"

DETAIL = tuple(metric.name for metric in (telemetry.SITE_GROWTH, telemetry.HOLDER_GROWTH, *telemetry.GENAI_METRICS))
"""Metrics that are pushed in a separate group."""

SCENARIO = textwrap.dedent(
    '''
    import os
    import subprocess
    import sys

    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    from otel_memeval import PerformanceEval

    trace.set_tracer_provider(TracerProvider())
    TRACER = trace.get_tracer("agent")
    SESSIONS = []
    MESSAGES = [0]


    def clean():
        return len([bytes(1000) for _ in range(100)])


    PROGRAM = "import sys; kept = [(bytearray(1 << 18), print(flush=True)) for line in sys.stdin]"


    def start_child():
        global child
        child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


    def leaking():
        SESSIONS.append(bytearray(64 * 1024))
        os.open(os.devnull, os.O_RDONLY)
        os.write(child.stdin.fileno(), b"\\n")
        os.read(child.stdout.fileno(), 1)


    def creeping():
        """A context that becomes longer."""
        MESSAGES[0] += 1
        with TRACER.start_as_current_span("chat m", kind=trace.SpanKind.CLIENT) as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "openai")
            span.set_attribute("gen_ai.usage.input_tokens", 100 * MESSAGES[0])
            span.set_attribute("gen_ai.usage.output_tokens", 20)
            return len(bytearray(64 * 1024 * MESSAGES[0]))


    def failing():
        raise RuntimeError("no answer")


    clean_eval = PerformanceEval(func=clean, name="clean", num_iterations=8, warmup_runs=1)
    leaking_eval = PerformanceEval(func=leaking, name="leaking", setup=start_child, num_iterations=8, warmup_runs=1)
    creeping_eval = PerformanceEval(func=creeping, name="creeping", num_iterations=8, warmup_runs=1)
    failing_eval = PerformanceEval(func=failing, name="failing", num_iterations=2, warmup_runs=0)
    '''
)


def scrapes(runs: dict[str, Result], end_seconds: float) -> Iterator[tuple[float, Labels, EvalState]]:
    """Yield each scrape: its time, the labels that it adds, and the state of the scraped eval."""
    begin = end_seconds - HOURS * 3600
    starts = [begin + k * INTERVAL_SECONDS for k in range(HOURS * 3600 // INTERVAL_SECONDS)]
    for name, job in ((WEATHER, "ci"), (NIGHTLY, "nightly"), (HISTORY, "memeval"), (BROKEN, "memeval")):
        state: EvalState | None = None
        for number, start in enumerate(starts):
            later = number >= len(starts) // 2
            ran, passed = {
                WEATHER: (runs["leaking" if later else "clean"], not later),
                NIGHTLY: (runs["clean" if later else "leaking"], later),
                HISTORY: (runs["creeping"], True),
                BROKEN: (runs["failing" if number else "clean"], not number),
            }[name]
            limits = Limits(16 * 1024, 32 * 1024) if name == HISTORY else Limits()
            commit = Git(commit=("b" if later else "a") * 40, branch="main", dirty=False)
            result = replace(ran, eval=replace(ran.eval, name=name, limits=limits), run=replace(ran.run, git=commit))
            if name == WEATHER:
                result = replace(result, baseline_comparison=_comparison(starts[len(starts) // 2] if later else None))
            before = _kept_by_pushgateway(state) if name in {WEATHER, NIGHTLY} else state
            state = state_after_run(before, result, start, passed=passed, interval_seconds=INTERVAL_SECONDS)
            shown_until = start + 300 if name == NIGHTLY else min(start + INTERVAL_SECONDS, end_seconds)
            pod = (("instance", "pod-b:9464" if later else "pod-a:9464"),) if job == "memeval" else ()
            at = start
            while at < shown_until:
                yield at, (("job", job), *pod), state
                at += SCRAPE_SECONDS
        if name != NIGHTLY and state is not None:
            yield end_seconds, (("job", job), *pod), state


def _comparison(since_seconds: float | None) -> Comparison:
    """Return a comparison that is regressed since a time; None: unchanged."""
    outcome: Outcome = "unchanged" if since_seconds is None else "regressed"
    return Comparison(outcome=outcome, summary=outcome, since_seconds=since_seconds)


def _kept_by_pushgateway(state: EvalState | None) -> EvalState | None:
    """Return the part of the state that a push does not replace in the Pushgateway; a new process counts from zero."""
    return state and EvalState(
        eval=state.eval, gauges=[gauge for gauge in state.gauges if gauge.metric == telemetry.LAST_SUCCESS.name]
    )


def openmetrics(runs: dict[str, Result], end_seconds: float) -> str:
    """Return all scrapes as OpenMetrics text, in the order of time."""
    lines: list[str] = []
    for at, scraped, state in sorted(scrapes(runs, end_seconds), key=lambda scrape: scrape[0]):
        snapshot = Snapshot(evals=[state], spool_bytes=0, export_failures={"otlp": 0})
        for family in metric_families(snapshot):
            if family.type == "counter" and dict(scraped)["job"] == "nightly":
                continue
            for sample in family.samples:
                alone = family.name in DETAIL and dict(scraped)["job"] == "ci"
                labels = {**sample.labels, **dict(scraped), **({"part": "detail"} if alone else {})}
                text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
                lines.append(f"{sample.name}{{{text}}} {sample.value} {at}")
    return "\n".join([*dict.fromkeys(lines), "# EOF", ""])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def fill(folder: Path, end_seconds: float) -> None:
    """Create Prometheus' data in ``folder/data``."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = measured(folder, "--trace-scenario", "--max-iterations", "24", scenario=SCENARIO)
    path = folder / "past.txt"
    path.write_text(openmetrics(runs, end_seconds), encoding="utf-8")
    done = promtool("tsdb", "create-blocks-from", "openmetrics", str(path), str(folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
