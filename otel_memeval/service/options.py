"""Options of the service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.exporters.pipeline import ExportOptions
from otel_memeval.run.plan import Options


class ServiceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the command line says about a service."""

    targets: Sequence[str]
    targets_file: str | None
    """A file with more targets, one on each line."""
    every_seconds: float
    address: str | None
    """``[HOST:]PORT`` of the HTTP server; None: no server."""
    web_config: str | None
    """Web configuration file of the server."""
    state_path: str | None
    """State file; None: the default path."""
    json_path: str | None
    """File for the results of the last cycle."""
    run: Options
    exports: ExportOptions


def read_targets(options: ServiceOptions) -> list[str]:
    """Return the targets of the command line and of the file, each once. Raises ``UsageError`` if the file is unusable."""
    return list(dict.fromkeys([*options.targets, *_targets_in(options.targets_file)]))


def _targets_in(path: str | None) -> list[str]:
    """Return the targets in a file; empty lines and lines that begin with ``#`` are ignored."""
    if path is None:
        return []
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "this is not UTF-8"
        raise UsageError(f"--targets {path}: {reason}", "name a text file with one target on each line") from None
    targets = [line for line in lines if line and not line.startswith("#")]
    if not targets:
        raise UsageError(f"--targets {path}: there is no target in it", "write one target on each line")
    return targets
