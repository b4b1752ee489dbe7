"""Where gauges of one-shot runs are kept: a Pushgateway, a textfile, or neither. HTTP and Prometheus are imported late."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from otel_memeval.redact import Masker, secrets_in, visible

if TYPE_CHECKING:
    from otel_memeval.exporters.prometheus.gateway import Gateway


class GaugeDestinations(msgspec.Struct, frozen=True, kw_only=True):
    """Destinations of gauges, and how often the evals are meant to run."""

    gateway: Gateway | None = None
    textfile: Path | None = None
    interval_seconds: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is a destination."""
        return self.gateway is not None or self.textfile is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the password of the gateway, which may come from a file, in all forms that are masked."""
        return () if self.gateway is None else secrets_in({"PASSWORD": self.gateway.password})


def read_destinations(
    pushgateway: str | None, textfile: str | None, interval_seconds: float | None, environment: Mapping[str, str]
) -> GaugeDestinations:
    """Return the destinations that the options and ``MEMEVAL_PUSHGATEWAY`` name.

    Raises ``UsageError`` if an address, a certificate or a path cannot be used.
    """
    gateway = None
    if pushgateway is not None or environment.get("MEMEVAL_PUSHGATEWAY"):
        from otel_memeval.exporters.prometheus.gateway import read_gateway

        gateway = read_gateway(pushgateway, environment)
    path = None
    if textfile is not None:
        from otel_memeval.exporters.prometheus.textfile import check_path

        path = check_path(textfile)
    return GaugeDestinations(gateway=gateway, textfile=path, interval_seconds=interval_seconds)


def delete_evals(
    destinations: GaugeDestinations, evals: Collection[str], secrets: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Delete the gauges of these evals, of all evals if none is named; ``evals`` are names or labels.

    Return one line for each destination that was changed, and one line for each that could not be.
    """
    from otel_memeval.exporters.prometheus import pushgateway, textfile
    from otel_memeval.exporters.prometheus.labels import label_value

    gateway, path = destinations.gateway, destinations.textfile
    mask = Masker(secrets + destinations.secrets).text
    labels = {label_value(mask(name)) for name in evals}

    def is_selected(label: str) -> bool:
        return not labels or label in labels

    done, problems = [], []
    if gateway is not None:
        deleted, problem = pushgateway.delete_groups(gateway, is_selected)
        if problem:
            problems.append(f"{gateway.shown}: not all was deleted: {problem}")
        else:
            done.append(_deletion_line(deleted, gateway.shown, labels))
    if path is not None:
        try:
            done.append(_deletion_line(textfile.delete_evals(path, is_selected), str(path), labels))
        except (OSError, ValueError) as error:
            problems.append(textfile.write_problem(path, error))
    return [visible(mask(line)) for line in done], [visible(mask(line)) for line in problems]


def _deletion_line(deleted: Collection[str], where: str, labels: Collection[str]) -> str:
    missing = sorted(set(labels) - set(deleted))
    parts = [f"deleted: {', '.join(deleted)}"] if deleted else []
    if missing:
        parts.append(f"not found: {', '.join(missing)}")
    return f"{where}: {'; '.join(parts) or 'no evals found'}"
