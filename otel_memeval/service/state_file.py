"""What outlives a restart: what is known of each eval, in one file that is replaced as a whole after each run.

Whatever is wrong with it is told in one line and ends nothing: the exporter starts anew, and what cannot be used is kept
aside.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.state import Durations, EvalState
from otel_memeval.files import Lock, Locked, lock, replace_file
from otel_memeval.service.eval_status import Known

VERSION = 1
"""Of the file. 1 (0.1.0): the first. Adding a field is free; renaming or removing one is a new number, and a line here."""
_NAME_DIGITS = 10


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    version: int = VERSION
    evals: Sequence[Known] = ()
    states: Sequence[EvalState] = ()
    """By label, as the evals have them."""
    export_failures: Mapping[str, int] = {}
    """By exporter."""


class _Version(msgspec.Struct):
    version: int


class _Damaged(Exception):
    """What stands in the file is not what was written."""


def default_path(folder: Path, working_folder: str, targets: Sequence[str], targets_file: str | None) -> Path:
    """The file of these targets in this folder: the same after a restart, another for other targets. Where they are read
    from a file, that file's name decides, whatever stands in it.
    """
    named = [os.path.abspath(targets_file)] if targets_file else []
    text = "\n".join([working_folder, *named, *sorted(set(targets))])
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_DIGITS]
    return folder / f"standing-{digest}.json"


class StateFile:
    """The file of one exporter, held until ``close``."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        """Raises ``UsageError`` where another exporter holds the file, or there is no place for it."""
        self.path = path
        self._tell = tell
        self._problem = ""
        self._lock: Lock | None = None
        if path.is_dir():
            raise UsageError(f"--state {path}: this is a folder", "name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = lock(path.with_name(f"{path.name}.lock"))
        except Locked:
            raise UsageError(f"--state {path}: another exporter holds it", "end that one, or name another file") from None
        except OSError as error:
            raise UsageError(f"--state {path}: {error.strerror}", "name a file that can be written") from None

    def read(self) -> Saved:
        """What was written last; nothing where there is nothing that can be used."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            self._tell(f"no state in {self.path} yet: nothing is known of earlier runs")
            return Saved()
        except OSError as error:
            self._tell(f"{self.path}: {error.strerror}: nothing is known of earlier runs")
            return Saved()
        try:
            return _decoded(data)
        except _Damaged as damaged:
            aside = self.path.with_name(f"{self.path.name}.unusable")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            self._tell(f"{self.path}: {damaged}: kept as {aside}; nothing is known of earlier runs")
            return Saved()

    def write(self, saved: Saved) -> None:
        """Replace the file. What is wrong is told once, until it is another thing."""
        problem = ""
        try:
            replace_file(self.path, msgspec.json.encode(saved), mode=0o600, sync=True)
        except OSError as error:
            problem = f"{self.path}: {error.strerror}: what is known would be lost at a restart"
        if problem and problem != self._problem:
            self._tell(problem)
        self._problem = problem

    def close(self) -> None:
        """Let another exporter have it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _decoded(data: bytes) -> Saved:
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise _Damaged(f"written by a later version of otel-memeval (state {version}, this one reads {VERSION})")
        saved = msgspec.json.decode(data, type=Saved)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Damaged(f"damaged ({error})") from None
    whole = Durations()
    for one in saved.states:
        held = one.durations
        if len(held.counts) != len(whole.counts) or len(held.exemplars) != len(whole.exemplars):
            raise _Damaged("its histograms have other buckets")
    return saved
