"""Options of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.exporters.pipeline import ExportOptions
from otel_memeval.files import read_file
from otel_memeval.run.plan import Options

_LARGEST_FILE_BYTES = 64 << 20
"""Of a targets file: a million targets."""
_LONGEST_TARGET = 4096
"""Characters of a target: the longest path on Linux (PATH_MAX)."""


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
    result_paths: Mapping[str, str]
    """Files for the results of the last cycle, by their option."""
    history: str | None = None
    """Folder or connection string of the history of runs."""
    baseline: str | None = None
    """Runs that each run is compared with; None: ``auto``, where there is a history."""
    run: Options
    exports: ExportOptions


def read_targets(options: ServiceOptions) -> list[str]:
    """Return the targets of the command line and of the file, each once. Raises ``UsageError`` if the file is unusable."""
    return list(dict.fromkeys([*options.targets, *_targets_in(options.targets_file)]))


def _targets_in(path: str | None) -> list[str]:
    """Return the targets in a file (UTF-8, with or without a byte-order mark), without empty lines and comments (``#``)."""
    if path is None:
        return []
    try:
        text = read_file(Path(path), _LARGEST_FILE_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "this is not UTF-8"
        raise UsageError(f"--targets {path}: {reason}", "name a text file with one target on each line") from None
    lines = [line.strip() for line in text.splitlines()]
    targets = [line for line in lines if line and not line.startswith("#")]
    if not targets:
        raise UsageError(f"--targets {path}: there is no target in it", "write one target on each line")
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST_TARGET and line in targets:
            raise UsageError(
                f"--targets {path}: line {number} has {len(line):,} characters", "write one target on each line"
            )
    return targets
