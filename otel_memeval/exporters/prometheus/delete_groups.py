"""Deletes evals where gauges of one-shot runs are kept."""

from __future__ import annotations

from collections.abc import Collection

from otel_memeval.exporters.prometheus import pushgateway, textfile
from otel_memeval.exporters.prometheus.destinations import GaugeOptions
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.redact import redact, secrets_in, visible


def forget(options: GaugeOptions, evals: Collection[str], secrets: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Delete these evals, all if none is named; what was done and what could not be, a line each."""
    if options.gateway is not None:
        secrets += secrets_in({"PASSWORD": options.gateway.password})
    labels = {label_value(redact(name, secrets)) for name in evals}

    def is_meant(label: str) -> bool:
        return not labels or label in labels

    told, problems = [], []
    if options.gateway is not None:
        deleted, problem = pushgateway.forget(options.gateway, is_meant)
        told.append(_told(deleted, options.gateway.shown, labels))
        if problem:
            problems.append(f"{options.gateway.shown}: not all was deleted: {problem}")
            told.pop()
    if options.textfile is not None:
        try:
            told.append(_told(textfile.forget(options.textfile, is_meant), str(options.textfile), labels))
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            problems.append(f"--textfile {options.textfile} was not written: {why}")
    return [visible(redact(line, secrets)) for line in told], [visible(redact(line, secrets)) for line in problems]


def _told(deleted: Collection[str], where: str, labels: Collection[str]) -> str:
    absent = sorted(set(labels) - set(deleted))
    parts = []
    if deleted or not absent:
        parts.append(f"forgotten: {', '.join(deleted) or 'nothing, there was none'}")
    if absent:
        parts.append(f"not there: {', '.join(absent)}")
    return f"{where}: {'; '.join(parts)}"
