"""Address of a history: a folder, or the connection string of a PostgreSQL database."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from otel_memeval.errors import UsageError
from otel_memeval.history.store import HistoryStore

VARIABLE = "MEMEVAL_HISTORY"
"""Variable of the environment with an address, for a history that no option names."""

PATIENCE_SECONDS = 2.0
"""Longest time by which a history delays a run."""

_DATABASE = re.compile(r"postgres(?:ql)?://")


def is_database(address: str) -> bool:
    """Return whether an address is a connection string, and not a folder."""
    return _DATABASE.match(address) is not None


def open_history(
    address: str,
    environment: Mapping[str, str],
    log: Callable[[str], None],
    *,
    writes: bool = True,
    command_seconds: float | None = None,
) -> HistoryStore:
    """Open a history; a database is not connected to before it is used.

    Each run waits for a database for at most ``PATIENCE_SECONDS`` in all: its queries for half of that, its ``add`` for the
    rest. A command that measures nothing has ``command_seconds`` for each call instead.
    ``log`` gets a line for each run that waits and each file that is left out. With ``writes``, a missing folder is created.
    Raises ``UsageError`` for an address that cannot be one, and a folder that cannot be used; ``HistoryError`` for a folder
    of a later version.
    """
    if not address.strip():
        raise UsageError("the address of the history is empty", "name a folder, or postgresql://USER@HOST/DATABASE")
    if is_database(address):
        from otel_memeval.history.database import DatabaseHistory  # imports psycopg

        if command_seconds is None:
            return DatabaseHistory(address, environment, log, patience_seconds=PATIENCE_SECONDS, is_patience_shared=True)
        return DatabaseHistory(address, environment, log, patience_seconds=command_seconds)
    if re.match(r"\w{2,}://", address):
        scheme = address.partition(":")[0]
        raise UsageError(f"the history {scheme}:// is of no known kind", "name a folder, or postgresql://USER@HOST/DATABASE")
    from otel_memeval.history.folder import FolderHistory

    return FolderHistory(os.path.expanduser(address), log, writes=writes)
