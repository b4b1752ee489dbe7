"""Bring the schema of the database to the version of this tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import psycopg
from psycopg import errors

from otel_memeval.errors import HistoryError
from otel_memeval.history.sql import load_migrations

_Connection = psycopg.Connection[tuple[object, ...]]


def migrate(
    connection: _Connection, queries: Mapping[str, bytes], transaction: Callable[[], AbstractContextManager[None]]
) -> None:
    """Create the schema, or bring it up to date; nothing is written if it is.

    Raises ``HistoryError`` if the schema is of a later version, or the user may not create it.
    """
    migrations = load_migrations()
    if _version(connection, queries, transaction) == len(migrations):
        return
    try:
        with transaction():
            connection.execute(queries["lock_migrations"])
            if connection.execute(queries["has_schema"]).fetchone() == (False,):
                connection.execute(queries["create_schema"])
            connection.execute(queries["create_migrations"])
            version = _read_version(connection, queries)
            for number, migration in enumerate(migrations[version:], version + 1):
                connection.execute(migration)
                connection.execute(queries["add_migration"], {"version": number})
    except errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise HistoryError(
            f"the user {user} may not create the tables of the history ({error.diag.message_primary})",
            f"an administrator types CREATE SCHEMA memeval AUTHORIZATION {user}",
        ) from None


def _version(
    connection: _Connection, queries: Mapping[str, bytes], transaction: Callable[[], AbstractContextManager[None]]
) -> int:
    """Return the version of the schema; 0 if there is none. Raises ``HistoryError`` for a later one."""
    try:
        with transaction():
            return _read_version(connection, queries)
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return 0


def _read_version(connection: _Connection, queries: Mapping[str, bytes]) -> int:
    row = connection.execute(queries["version"]).fetchone()
    version = int(str(row[0])) if row is not None else 0
    newest = len(load_migrations())
    if version > newest:
        problem = f"the schema memeval was written by a later version of otel-memeval (version {version}, this one knows"
        raise HistoryError(f"{problem} {newest})", "use that version, or another database")
    return version
