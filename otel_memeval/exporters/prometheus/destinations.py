"""Where gauges of one-shot runs go, by options and environment. What speaks to Prometheus is imported only then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from otel_memeval.exporters.prometheus.gateway import Gateway


class GaugeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where gauges go: nowhere unless said. ``interval_seconds``: how often the evals are meant to run."""

    gateway: Gateway | None = None
    textfile: Path | None = None
    interval_seconds: float | None = None

    @property
    def anywhere(self) -> bool:
        """Whether they go anywhere."""
        return self.gateway is not None or self.textfile is not None


NOWHERE = GaugeOptions()


def read_gauges(
    pushgateway: str | None, path: str | None, interval_seconds: float | None, environment: Mapping[str, str]
) -> GaugeOptions:
    """What the options and ``MEMEVAL_PUSHGATEWAY`` say. Raises ``UsageError`` for what can never work."""
    gateway = None
    if pushgateway is not None or environment.get("MEMEVAL_PUSHGATEWAY"):
        from otel_memeval.exporters.prometheus.gateway import read_gateway

        gateway = read_gateway(pushgateway, environment)
    checked = None
    if path is not None:
        from otel_memeval.exporters.prometheus.textfile import check_path

        checked = check_path(path)
    return GaugeOptions(gateway=gateway, textfile=checked, interval_seconds=interval_seconds)
