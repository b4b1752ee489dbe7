"""Rows of a run for the tables of the database: texts and numbers that PostgreSQL can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from otel_memeval.history.run_file import started_at
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Growth, Iteration, Result, encode_record
from otel_memeval.records.run_summary import RunSummary

Row = Mapping[str, object]

_LARGEST_INTEGER = (1 << 63) - 1
_LONGEST_KEY = 160
"""Characters of a text in an index: together the texts of one index stay below its 2,704 bytes, four bytes a character."""
_DIGEST_DIGITS = 16
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Texts:
    """Texts as a database with an encoding can hold them: no NUL, no half a character, and ASCII only if not Unicode."""

    def __init__(self, encoding: str) -> None:
        self._is_unicode = encoding in ("UTF8", "SQL_ASCII")  # the latter keeps all bytes as they are

    def plain(self, text: str) -> str:
        """Return a text; what cannot be held is written as an escape."""
        valid = text.replace("\0", "\\x00").encode("utf-8", "backslashreplace")
        return valid.decode("utf-8" if self._is_unicode else "ascii", "backslashreplace")

    def key(self, text: str) -> str:
        """Return a text that is in an index: a long one is its beginning and its digest."""
        if len(text) > _LONGEST_KEY:
            digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
            text = f"{text[: _LONGEST_KEY - _DIGEST_DIGITS - 1]}-{digest}"
        return self.plain(text)

    def json(self, data: bytes) -> str:
        """Return JSON, which the type ``json`` holds with all its escapes."""
        text = data.decode()
        return text if self._is_unicode else _NOT_ASCII.sub(_escape, text)

    def run(self, result: Result, summary: RunSummary) -> Row:
        """Return the row of the run itself."""
        growth = result.growth
        return {
            "run_id": self.key(summary.run_id),
            "eval": self.key(summary.eval),
            "target": self.plain(summary.target),
            "settings": self.key(summary.settings),
            "python": self.plain(summary.python),
            "branch": self.key(summary.branch),
            "commit_id": self.key(summary.commit),
            "dirty": summary.dirty,
            "started_at": started_at(summary.started_at),
            "duration_seconds": summary.duration_seconds,
            "verdict": summary.verdict,
            "passed": summary.passed,
            "retained_growth": _slope(growth.retained),
            "peak_growth": _slope(growth.peak),
            "native_growth": _slope(growth.native),
            "process_growth": _slope(growth.process),
            "summary": self.json(encode_record(summary)),
            "result": self.json(encode_record(result)),
        }

    def details(self, result: Result, summary: RunSummary, number: object) -> dict[str, list[dict[str, object]]]:
        """Return the rows of the other tables, by the query that adds them; ``number`` is that of the run."""
        tables: dict[str, Sequence[dict[str, object]]] = {
            "add_iterations": [self._iteration(iteration) for iteration in result.iterations],
            "add_sites": [
                {
                    "file": self.plain(site.file),
                    "line": _integer(site.line),
                    "function": self.plain(site.function),
                    "signature": self.key(site.signature),
                    "bytes_per_iteration": site.bytes_per_iteration,
                    "retained_bytes": _integer(site.retained_bytes),
                    "blocks": _integer(site.blocks),
                    "bounded": site.bounded,
                }
                for site in result.sites
            ],
            "add_holders": [
                {
                    "path": self.plain(holder.path),
                    "type": self.plain(holder.type),
                    "length": _integer(holder.length),
                    "items_per_iteration": holder.items_per_iteration,
                    "bytes_per_iteration": holder.bytes_per_iteration,
                    "bound": _integer(holder.bound),
                }
                for holder in result.holders
            ],
            "add_resources": [
                {"name": self.plain(name), "per_iteration": growth} for name, growth in summary.resources.items()
            ],
            "add_signatures": [
                {
                    "signature": self.key(leak.signature),
                    "location": self.plain(leak.location),
                    "per_iteration": leak.per_iteration,
                }
                for leak in summary.leaks
            ],
        }
        return {
            query: [{"run": number, "position": place, **row} for place, row in enumerate(rows)]
            for query, rows in tables.items()
        }

    def _iteration(self, iteration: Iteration) -> dict[str, object]:
        calls = iteration.gen_ai
        return {
            "phase": iteration.phase,
            "index": _integer(iteration.index),
            "started_at": started_at(iteration.started_at),
            "duration_seconds": iteration.duration_seconds,
            "status": iteration.status,
            "error_type": None if iteration.error is None else self.plain(iteration.error.type),
            "retained_bytes": _integer(iteration.retained_bytes),
            "peak_bytes": _integer(iteration.peak_bytes),
            "rss_bytes": _integer(iteration.rss_bytes),
            "uss_bytes": _integer(iteration.uss_bytes),
            "native_heap_bytes": _integer(iteration.native_heap_bytes),
            "cpu_seconds": iteration.cpu_seconds,
            "model_calls": None if calls is None else _integer(calls.model_calls),
            "tool_calls": None if calls is None else _integer(calls.tool_calls),
            "input_tokens": None if calls is None else _integer(calls.input_tokens),
            "output_tokens": None if calls is None else _integer(calls.output_tokens),
        }

    def query(self, query: RunQuery, limit: int) -> Row:
        """Return the parameters of a query for runs."""
        return {
            "eval": self._optional_key(query.eval),
            "settings": self._optional_key(query.settings),
            "branch": self._optional_key(query.branch),
            "commit_id": self._optional_key(query.commit),
            "tag": self._optional_key(query.tag),
            "passed": query.passed,
            "started_before": None if query.started_before is None else started_at(query.started_before),
            "without_runs": [self.key(run_id) for run_id in query.without_runs],
            "limit": limit,
        }

    def _optional_key(self, text: str | None) -> str | None:
        return None if text is None else self.key(text)


def _integer(number: int | None) -> int | None:
    """Return a number that a bigint can hold; None for any other."""
    return number if number is not None and abs(number) <= _LARGEST_INTEGER else None


def _slope(growth: Growth | None) -> float | None:
    return None if growth is None else growth.bytes_per_iteration


def _escape(match: re.Match[str]) -> str:
    """Return a character as JSON escapes it: one beyond 16 bits as two."""
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
