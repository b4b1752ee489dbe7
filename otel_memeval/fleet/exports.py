"""Export the evals of a fleet: the spans of each node with its own resource, gauges from here, one span around all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import msgspec

from otel_memeval.config import Settings, spool_folder
from otel_memeval.exporters.otlp.config_file import effective_environment
from otel_memeval.exporters.otlp.group_span import GroupSpan
from otel_memeval.exporters.otlp.settings import read_otlp_settings
from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
from otel_memeval.exporters.prometheus.destinations import GaugeDestinations
from otel_memeval.fleet.events import repeat
from otel_memeval.fleet.messages import EvalMeasured, Node
from otel_memeval.run.observer import Observer
from otel_memeval.run.result import passes
from otel_memeval.tracing.ids import Parent

_RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"


class FleetExports:
    """The exporters of one command, one set for each node. Its messages and ``close`` are those of ``ExportPipeline``."""

    def __init__(self, settings: Settings, options: ExportOptions, console: TextIO) -> None:
        environment, _ = effective_environment(settings.environment)
        otlp = read_otlp_settings(environment)
        self._group: GroupSpan | None = None
        self.parent: Parent | None = settings.parent
        """Parent of the spans of all runs."""
        if "traces" in otlp.signals and not settings.sdk_disabled:
            self._group = GroupSpan(settings, otlp, Path(spool_folder(environment)), console)
            self.parent = self._group.parent
        self._settings = msgspec.structs.replace(settings, parent=self.parent)
        self._options = options
        self._console = console
        self._nodes: dict[str, ExportPipeline] = {}
        self._gauges = ExportPipeline(_without_otlp(self._settings), options, console)
        self.lines = list(self._gauges.lines)
        self.notes: list[str] = []
        self.hints: list[str] = []
        self.undelivered = False
        self._evals = self._failing = 0

    @property
    def sampled(self) -> bool | None:
        """Return whether the trace is kept; None if no spans are sent."""
        return None if self._group is None else self._group.parent.sampled

    def export(self, measured: EvalMeasured, terminal: Observer) -> None:
        """Export a run that is over, and show it."""
        self._evals += 1
        self._failing += not passes(measured.result, self._options.fail_on)
        observer = self._gauges.observer(self._of(measured.node).observer(terminal))
        repeat(measured.events, measured.result, observer)

    def close(self, is_hurried: Callable[[], bool]) -> None:
        """Send what is left, and the span around all runs."""
        for pipeline in (*self._nodes.values(), self._gauges):
            pipeline.close(is_hurried)
            self.lines += [line for line in pipeline.lines if line not in self.lines]
            self.notes += [line for line in pipeline.notes if line not in self.notes]
            self.undelivered = self.undelivered or pipeline.undelivered
        if self._group is not None:
            lines = self._group.end(self._evals, self._failing)
            self.lines += [line for line in lines if line not in self.lines]
            self.undelivered = self.undelivered or bool(lines)

    def _of(self, node: Node) -> ExportPipeline:
        """Return the exporters of a node, whose spans have its host and container."""
        if node.host not in self._nodes:
            options = msgspec.structs.replace(self._options, gauges=GaugeDestinations())
            self._nodes[node.host] = ExportPipeline(_of_node(self._settings, node), options, self._console)
        return self._nodes[node.host]


def _of_node(settings: Settings, node: Node) -> Settings:
    """Return the settings with the node's resource; attributes that the user names go before."""
    found = {"host.name": node.host, "container.id": node.container, "process.pid": str(node.process_id)}
    given = settings.environment.get(_RESOURCE, "")
    text = ",".join([*(f"{name}={quote(value)}" for name, value in found.items() if value), *([given] if given else [])])
    return msgspec.structs.replace(settings, environment={**settings.environment, _RESOURCE: text})


def _without_otlp(settings: Settings) -> Settings:
    environment = {**settings.environment, "OTEL_SDK_DISABLED": "true"}
    return msgspec.structs.replace(settings, environment=environment, sdk_disabled=True)
