"""The command line against a real collector: Rotel, over HTTP and gRPC."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from benchmarks.receiver import Receiver
from otel_memeval.tracing.ids import iteration_span_id, run_span_id

if TYPE_CHECKING:
    from tests.cli.conftest import Tool

LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
PARENT = "0af7651916cd43dd8448eb211c80319c"


class CollectedSpan(NamedTuple):
    """A span as the collector logged it."""

    trace_id: str
    parent_id: str
    span_id: str
    name: str
    text: str


class SpanReceiver(Receiver):
    """Rotel, and the spans that it received."""

    def seen(self, number: int) -> list[CollectedSpan]:
        """Return all spans once the collector has that many."""
        end = time.monotonic() + 60
        while sum(self.spans().values()) < number:
            assert time.monotonic() < end, self.text()
            time.sleep(0.05)
        form = r"Trace ID +: (\w*)\n +Parent ID +: (\w*)\n +ID +: (\w+)\n +Name +: ([^\n]*)\n(.*?)"
        form += r"(?=\nSpan #|\nResourceSpans #|\Z)"
        return [CollectedSpan(*found) for found in re.findall(form, self.text(), re.DOTALL)]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[SpanReceiver]:
    """Yield a collector of this test alone."""
    made = SpanReceiver(tmp_path / "collector.log")
    made.start()
    yield made
    made.stop()


def variables(collector: SpanReceiver, protocol: str, spool: Path) -> dict[str, str]:
    """Return the environment of a run."""
    endpoint = collector.grpc if protocol == "grpc" else collector.http
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "MEMEVAL_SPOOL": str(spool),
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests,service.instance.id=mine",
        "OTEL_SERVICE_NAME": "my-agent",
    }


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_run_is_exported_as_a_trace(tool: Tool, collector: SpanReceiver, tmp_path: Path, protocol: str) -> None:
    """Ids, parents, growth, verdict, resource, metrics and the record arrive; the CI system's span is the parent."""
    environment = {**variables(collector, protocol, tmp_path / "spool"), "TRACEPARENT": f"00-{PARENT}-b7ad6b7169203331-01"}
    done = tool.measure(LEAK, "--warmup", "1", environment=environment)
    assert (done.status, done.result.run.trace_id) == (1, PARENT)
    run_id = done.result.run.id
    seen = {span.span_id: span for span in collector.seen(7)}
    assert len(seen) == 7
    assert {span.trace_id for span in seen.values()} == {PARENT}
    run = seen[run_span_id(run_id)]
    assert (run.name, run.parent_id) == ("memeval.run scenario", "b7ad6b7169203331")
    assert "memeval.verdict: Str(leaking)" in run.text
    assert "Name: gen_ai.evaluation.result" in run.text
    for iteration in done.result.iterations:
        span = seen[iteration_span_id(run_id, iteration.phase, iteration.index)]
        assert (span.name, span.parent_id) == ("memeval.iteration scenario", run.span_id)
        assert f"memeval.retained: Int({iteration.retained_bytes})" in span.text
        assert f"memeval.iteration.phase: Str({iteration.phase})" in span.text
        assert "Name: memeval.growth" in span.text
        assert "code.line.number: Int(3)" in span.text
        assert "code.function.name: Str(run)" in span.text
    everything = collector.text()
    for expected in (
        "service.name: Str(my-agent)",
        "service.instance.id: Str(mine)",
        "deployment.environment.name: Str(tests)",
        "memeval_growth_bytes_per_iteration",
        "memeval_iteration_duration_seconds",
        "scenario: leaking: keeps",
    ):
        assert expected in everything, expected
    assert set(collector.spans().values()) == {1}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_killed_collector_gets_every_span_once_after_its_restart(
    tool: Tool, collector: SpanReceiver, tmp_path: Path, protocol: str
) -> None:
    """The spans that it did not take wait, and a replay delivers them."""
    environment = {**variables(collector, protocol, tmp_path / "spool"), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    tool.write("scenario.py", "def run():\n    return bytearray(1000)\n")
    counts = ("--iterations", "30", "--warmup", "0", "--fail-on", "never")
    started = tool.start("scenario.py", *counts, environment=environment)
    collector.seen(8)
    collector.kill()
    done = started.finish()
    assert done.status == 4
    collector.start()
    assert tool.run("replay", environment=environment, json_file=False).status == 0
    ids = {run_span_id(done.result.run.id), *(iteration_span_id(done.result.run.id, "measured", n) for n in range(1, 31))}
    collector.seen(31)
    assert collector.spans() == dict.fromkeys(ids, 1)


def test_interrupted_run_is_exported_as_an_error(tool: Tool, collector: SpanReceiver, tmp_path: Path) -> None:
    """The trace has the iterations that were measured until then."""
    event = tool.event("third")
    tool.write(
        "scenario.py",
        f"""
        import time
        CALLS = []
        def run():
            CALLS.append(1)
            if len(CALLS) == 3:
                with open({str(event)!r}, "w") as file:
                    file.write("x")
                time.sleep(60)
        """,
    )
    environment = variables(collector, "http/protobuf", tmp_path / "spool")
    started = tool.start("scenario.py", "--iterations", "5", "--warmup", "0", environment=environment)
    tool.wait_for(event)
    started.process.send_signal(signal.SIGINT)
    done = started.finish()
    assert done.status == 130
    assert [iteration.index for iteration in done.result.iterations] == [1, 2]
    seen = {span.span_id: span for span in collector.seen(3)}
    run = seen[run_span_id(done.result.run.id)]
    assert "error.type: Str(Interrupted)" in run.text
    assert "test.suite.run.status: Str(aborted)" in run.text
    assert len(seen) == 1 + len(done.result.iterations)


def test_failed_scenario_is_an_error_in_the_trace(tool: Tool, collector: SpanReceiver, tmp_path: Path) -> None:
    """A raised error, a crash and a timeout are named on the iteration's span and on the run's."""
    environment = variables(collector, "grpc", tmp_path / "spool")
    raised = tool.measure("def run():\n    raise ValueError('no, sk-abcdef1234567')\n", environment=environment)
    crashed = tool.measure("import os\ndef run():\n    os.abort()\n", environment=environment)
    timed_out = tool.measure("import time\ndef run():\n    time.sleep(60)\n", "--timeout", "3", environment=environment)
    seen = {span.span_id: span for span in collector.seen(6)}
    for done, error, status in (
        (raised, "ValueError", "failure"),
        (crashed, "Crash", "failure"),
        (timed_out, "Timeout", "timed_out"),
    ):
        assert done.status == 3
        run = seen[run_span_id(done.result.run.id)]
        iteration = seen[iteration_span_id(done.result.run.id, "measured", 1)]
        for span in (run, iteration):
            assert f"error.type: Str({error})" in span.text
        assert f"test.suite.run.status: Str({status})" in run.text
        assert "test.case.result.status: Str(fail)" in iteration.text
    assert "sk-abcdef" not in collector.text()
