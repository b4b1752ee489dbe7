"""Runs that wait for a database, as files: taken in by the next run, the oldest first."""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path

from otel_memeval.errors import HistoryError
from otel_memeval.history.run_file import SUFFIX, relative_path, write_run
from otel_memeval.records import Result
from otel_memeval.records.run_summary import RunSummary

_DIGEST_DIGITS = 16


class WaitingRuns:
    """The runs that wait for one database."""

    def __init__(self, root: Path, identity: str) -> None:
        """Use a folder below ``root`` for the database with this identity, which has no password in it."""
        self.folder = root / sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]

    def put(self, result: Result, summary: RunSummary) -> Path:
        """Write the file of a run, and return it. Raises ``HistoryError``."""
        path = self.folder / Path(relative_path(summary)).name
        try:
            write_run(path, result, summary)
        except OSError as error:
            raise HistoryError(f"{path} was not written: {error.strerror}", "the run is not in the history") from None
        return path

    def files(self) -> list[Path]:
        """Return the files, the oldest run first; none if the folder cannot be read."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder)
            return [self.folder / name for name in sorted(names) if name.endswith(SUFFIX) and not name.startswith(".")]
        return []
