"""Telemetry of a fleet: one trace, and a resource for each node."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec

from otel_memeval.config import Settings
from otel_memeval.exporters.pipeline import ExportOptions
from otel_memeval.fleet.events import IterationEnded, SetUpEnded, Started
from otel_memeval.fleet.exports import FleetExports
from otel_memeval.fleet.messages import EvalMeasured, Node
from otel_memeval.records import InitialReading, Result
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from tests.cli.receivers import Receiver


def measured(result: Result, host: str) -> EvalMeasured:
    """Return the answer of a node."""
    plan = Plan(eval=result.eval, most_iterations=20, top=5, debug=False, show_progress=True)
    iterations = [IterationEnded(iteration, [], 5) for iteration in result.iterations]
    start = Started(result.run.id, result.run.started_at, InitialReading(retained_bytes=1_000_000))
    return EvalMeasured(
        node=Node(host=host, process_id=7, container="c" * 64 if host == "node-a" else ""),
        events=[SetUpEnded("", plan), start, *iterations],
        result=result,
    )


def test_runs_of_all_nodes_are_in_one_trace_with_their_own_resource(
    make_result: Callable[..., Result], tmp_path: Path
) -> None:
    """The span of the group is the parent of all runs; host and container are the node's."""
    receiver = Receiver()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "MEMEVAL_SPOOL": str(tmp_path / "spool")}
    settings = Settings(environment=environment, folder=str(tmp_path))
    exports = FleetExports(settings, ExportOptions(fail_on=("leaking",)), io.StringIO())
    try:
        for number, host in enumerate(("node-a", "node-b", "node-a")):
            result = make_result()
            run = msgspec.structs.replace(result.run, id=f"{number + 1:032x}")
            exports.export(measured(msgspec.structs.replace(result, run=run), host), Observer())
        exports.close(lambda: False)
    finally:
        receiver.close()
    assert (exports.undelivered, exports.lines, exports.sampled) == (False, [], True)
    spans = [
        (span, {attribute.key: attribute.value.string_value for attribute in group.resource.attributes})
        for message in receiver.taken
        for group in message.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    runs = [(span, resource) for span, resource in spans if span.name.startswith("memeval.run")]
    (group,) = [span for span, _ in spans if span.name == "memeval.group"]
    assert len(spans) == 3 * 6 + 1
    assert {span.trace_id for span, _ in spans} == {group.trace_id}
    assert {span.parent_span_id for span, _ in runs} == {group.span_id}
    assert sorted((resource["host.name"], resource.get("container.id", "")) for _, resource in runs) == [
        ("node-a", "c" * 64), ("node-a", "c" * 64), ("node-b", ""),
    ]  # fmt: skip
    numbers = {attribute.key: attribute.value.int_value for attribute in group.attributes}
    assert (numbers["memeval.group.evals"], numbers["memeval.group.failing"]) == (3, 3)
