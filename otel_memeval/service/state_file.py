"""Keep the state of the service over a restart, in one file that is replaced after each run.

An unusable file does not stop the service: it is renamed, one line is logged, and the service starts without it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

import msgspec
from prometheus_client.exposition import choose_encoder

from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.families import Snapshot, snapshot_registry
from otel_memeval.exporters.prometheus.state import Durations, EvalState
from otel_memeval.files import Lock, Locked, lock, output_path, read_file, replace_file
from otel_memeval.redact import shortened
from otel_memeval.service.eval_status import EvalStatus
from otel_memeval.units import format_seconds

VERSION = 1
"""Version of the file. 1 (0.1.0): the first. A new field keeps the number; a renamed or removed field needs a new one."""
_LARGEST_BYTES = 256 << 20
"""Of the file: the state of ten thousand evals."""
_NAME_DIGITS = 10
"""Digits of the hash in the default file name."""
_WITHOUT = "starting without results of earlier runs"


class SavedState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file."""

    version: int = VERSION
    evals: Sequence[EvalStatus] = ()
    states: Sequence[EvalState] = ()
    """Prometheus states of the evals, with the same labels."""
    export_failures: Mapping[str, int] = {}
    """By exporter."""


class _Version(msgspec.Struct):
    version: int


class _UnusableState(Exception):
    """The file cannot be used; the message says why."""


def default_path(folder: Path, working_folder: str, targets: Sequence[str], targets_file: str | None) -> Path:
    """Return the state file for these targets: the same after a restart, another for other targets.

    If the targets are read from a file, the path of that file counts, not its content.
    """
    file = [os.path.abspath(targets_file)] if targets_file else []
    text = "\n".join([working_folder, *file, *sorted(set(targets))])
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_DIGITS]
    return folder / f"service-{digest}.json"


class StateFile:
    """The state file of one service, locked until ``close``."""

    def __init__(self, path: Path, log: Callable[[str], None]) -> None:
        """Lock the file. Raises ``UsageError`` if another service has locked it or its folder cannot be written."""
        self.path = path
        self._log = log
        self._problem = ""
        self._lock: Lock | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            output_path("--state", str(path))
            self._lock = lock(path.with_name(f"{path.name}.lock"))
        except Locked:
            raise UsageError(f"--state {path}: another service uses this file", "stop it, or name another file") from None
        except OSError as error:
            raise UsageError(f"--state {path}: {error.strerror}", "name a file that can be written") from None

    def read(self) -> SavedState:
        """Return the saved state; an empty state if there is none or it is unusable, which is logged."""
        try:
            data = read_file(self.path, _LARGEST_BYTES)
        except FileNotFoundError:
            self._log(f"{self.path} does not exist yet: {_WITHOUT}")
            return SavedState()
        except OSError as error:
            self._log(f"{self.path}: {error.strerror}: {_WITHOUT}")
            return SavedState()
        try:
            return _decode(data)
        except _UnusableState as problem:
            aside = self.path.with_name(f"{self.path.name}.unusable")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            self._log(f"{self.path}: {problem}: renamed to {aside}; {_WITHOUT}")
            return SavedState()

    def write(self, saved: SavedState) -> None:
        """Replace the file. A problem is logged once, until another problem follows."""
        problem = ""
        try:
            replace_file(self.path, msgspec.json.encode(saved), mode=0o600, sync=True)
        except OSError as error:
            problem = f"{self.path}: {error.strerror}: a restart would lose the results"
        if problem and problem != self._problem:
            self._log(problem)
        self._problem = problem

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _decode(data: bytes) -> SavedState:
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise _UnusableState(f"written by a later version of otel-memeval (state {version}, this one reads {VERSION})")
        saved = msgspec.json.decode(data, type=SavedState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _UnusableState(f"damaged ({error})") from None
    except RecursionError:
        raise _UnusableState("damaged (nested too deep)") from None
    empty = Durations()
    for state in saved.states:
        durations = state.durations
        if len(durations.counts) != len(empty.counts) or len(durations.exemplars) != len(empty.exemplars):
            raise _UnusableState("its histograms have other buckets")
    _check_shown(saved)
    return saved


def _check_shown(saved: SavedState) -> None:
    """Raise ``_UnusableState`` if a value cannot be shown, such as a time beyond the calendar or a huge number."""
    registry = snapshot_registry(lambda: Snapshot(evals=saved.states, export_failures=dict(saved.export_failures)))
    try:
        for name in ("", "application/openmetrics-text; version=1.0.0"):
            choose_encoder(name)[0](registry)
        for status in saved.evals:
            datetime.fromtimestamp(status.ended_seconds, timezone.utc)
            format_seconds(status.duration_seconds)
        msgspec.json.encode(saved)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a value
        raise _UnusableState(f"damaged ({type(error).__name__}: {shortened(str(error), 100)})") from None
