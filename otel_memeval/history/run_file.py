"""Files of the history: one result file for each run, written as a whole and readable by its owner only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

import msgspec

from otel_memeval.files import read_file, replace_file
from otel_memeval.records import SCHEMA, Record, Result, ResultFile, encode_record
from otel_memeval.records.run_summary import RunSummary, run_summary
from otel_memeval.run.result import passes
from otel_memeval.verdicts import FAILING_STATES

SUFFIX = ".json"
_LARGEST_FILE_BYTES = 1 << 30
"""Of a result file: a million iterations."""
_PLAIN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""Identifier that is a file name on all systems; any other is replaced by its digest."""
_DIGEST_DIGITS = 32


class UnusableRunFile(Exception):
    """A file that is no result file that can be read; the message says why."""


class RunFile(ResultFile, frozen=True, kw_only=True):
    """A result file that says whether its run passed with the options of its command; None: not known."""

    passed: bool | None = None


class _Header(msgspec.Struct):
    schema: int


def started_at(text: str) -> datetime:
    """Return a time in RFC 3339; the year 1 for a text that is none, which sorts before all."""
    try:
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=timezone.utc)


def summary_of(result: Result, passed: bool | None = None) -> RunSummary:
    """Return the summary of a result; without ``passed``, the default of ``--fail-on`` decides."""
    return run_summary(result, passed=run_passes(result, FAILING_STATES) if passed is None else passed)


def run_passes(result: Result, fail_on: Collection[str]) -> bool:
    """Return whether a run passed and was not interrupted: only such a run can be compared with."""
    return passes(result, fail_on) and result.failure is None


def valid_texts(summary: RunSummary) -> RunSummary:
    """Return a summary as it is read back: half a character is no text that can be stored."""
    return msgspec.json.decode(encode_record(summary), type=RunSummary)


def relative_path(summary: RunSummary) -> str:
    """Return the path of a run's file in a history: month, time of the start and identifier."""
    moment = started_at(summary.started_at)
    name = summary.run_id if _PLAIN_ID.fullmatch(summary.run_id) else _digest(summary.run_id)
    return f"{moment.year:04d}-{moment:%m}/{file_name(moment, name)}"


def file_name(moment: datetime, name: str) -> str:
    """Return the name of a run's file; names sort by the start of the run."""
    return f"{moment.year:04d}{moment:%m%dT%H%M%S}-{name}{SUFFIX}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]


def write_run(path: Path, result: Result, summary: RunSummary) -> None:
    """Write the file of a run in one step, and its folder if that is missing. Raises ``OSError``."""
    write_file(path, encode_record(RunFile(schema=SCHEMA, runs=[result], passed=summary.passed)) + b"\n")


def write_file(path: Path, data: bytes) -> None:
    """Write a file of the history in one step, onto the disk. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        replace_file(path, data, mode=0o600, sync=True)
    except FileNotFoundError:  # another process deleted the empty folder at this moment
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, data, mode=0o600, sync=True)


def read_runs(path: Path) -> Iterator[tuple[Result, RunSummary]]:
    """Yield the runs of a result file with their summaries. Raises ``UnusableRunFile``."""
    try:
        data = read_file(path, _LARGEST_FILE_BYTES)
        schema = msgspec.json.decode(data, type=_Header).schema
        if schema > SCHEMA:
            raise UnusableRunFile(f"written by a later version of otel-memeval (schema {schema}, this one reads {SCHEMA})")
        file = msgspec.json.decode(data, type=RunFile)
    except OSError as error:
        raise UnusableRunFile(error.strerror or type(error).__name__) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableRunFile(f"this is no result file ({error})") from None
    except RecursionError:
        raise UnusableRunFile("this is no result file (nested too deep)") from None
    for result in file.runs:
        yield result, summary_of(result, file.passed)


def read_run(path: Path) -> tuple[Result, RunSummary]:
    """Return the run of a file of the history. Raises ``UnusableRunFile``."""
    runs = list(read_runs(path))
    if len(runs) != 1:
        raise UnusableRunFile(f"it has {len(runs)} runs, and a file of a history has 1")
    return runs[0]


class TagFile(Record, frozen=True):
    """A name of a run: one file for each name of each eval."""

    eval: str
    name: str
    run_id: str

    @property
    def file(self) -> str:
        """The name of the file: the same for another run with this name."""
        identity = "\0".join((self.eval, self.name))
        return f"{_digest(identity)}{SUFFIX}"


def read_tags(folder: Path) -> list[TagFile]:
    """Return the names in a folder; files that are none are left out."""
    tags = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            tags.append(msgspec.json.decode(read_file(path, 1 << 20), type=TagFile))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
    return tags
