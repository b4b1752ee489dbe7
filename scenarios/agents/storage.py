"""Store sessions, runs and user memories in PostgreSQL. Every query that loads rows has a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from scenarios.agents.errors import StorageError, ToolError
from scenarios.agents.messages import Message
from scenarios.agents.sql import load_queries, load_text

_QUERIES = load_queries("queries.sql")
_Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[tuple[object, ...]]]
MAX_MEMORIES = 50
"""The number of memories of a user that are loaded: the newest."""


@dataclass(frozen=True, slots=True)
class UserMemory:
    """One fact about a user."""

    memory_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Version and address of a database, without user and password."""

    version: str
    host: str
    port: int
    database: str

    @classmethod
    def of(cls, connection: AsyncConnection[tuple[object, ...]]) -> ServerInfo:
        """Read both from a connection. The version is a number such as ``18.4``, without the suffix of a distribution."""
        info = connection.info
        version = (info.parameter_status("server_version") or "unknown").split(" ")[0]
        return cls(version, info.host, info.port, info.dbname)


class Storage:
    """A database with a connection pool, created by ``open`` and closed by ``close``."""

    def __init__(self, pool: _Pool, server: ServerInfo) -> None:
        self._pool = pool
        self.server = server

    @classmethod
    async def open(cls, dsn: str, *, max_connections: int = 4, connect_timeout_seconds: int = 5) -> Storage:
        """Connect, and create the missing tables of the schema ``memeval_team``.

        Raises ``psycopg.Error`` if the database cannot be reached or refuses; a timeout in ``dsn`` takes precedence.
        """
        dsn = make_conninfo(dsn, **{"connect_timeout": connect_timeout_seconds, **conninfo_to_dict(dsn)})
        # Connect once without the pool: for a wrong address a pool retries, and only its log has the reason.
        async with await AsyncConnection.connect(dsn) as connection:
            await connection.execute(load_text("schema.sql"))
            server = ServerInfo.of(connection)
        # Without server-side prepared statements: they fail behind PgBouncer, and fill a cache over several runs.
        options = {"autocommit": True, "prepare_threshold": None}
        pool: _Pool = AsyncConnectionPool(
            dsn, min_size=1, max_size=max_connections, open=False, kwargs=options, name="memeval_team"
        )
        try:
            await pool.open(wait=True, timeout=2 * connect_timeout_seconds)
        except BaseException:
            await pool.close()
            raise
        return cls(pool, server)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def history(self, session_id: str, agent: str, num_runs: int) -> list[Message]:
        """Return the messages of the last ``num_runs`` runs of an agent in a session, oldest first."""
        rows = await self._fetch("history", {"session_id": session_id, "agent": agent, "limit": num_runs})
        return [message for (messages,) in rows for message in _messages(messages)]

    async def save_run(self, run_id: str, *, session_id: str, agent: str, user_id: str, messages: Sequence[Message]) -> None:
        """Store the messages that a run added to the conversation; create the session if it is new."""
        values = {"run_id": run_id, "session_id": session_id, "agent": agent, "user_id": user_id}
        await self._execute("save_run", {**values, "messages": Jsonb([message.as_json() for message in messages])})

    async def memories(self, user_id: str) -> list[UserMemory]:
        """Return the newest ``MAX_MEMORIES`` memories of a user, oldest first."""
        rows = await self._fetch("memories", {"user_id": user_id, "limit": MAX_MEMORIES})
        return [UserMemory(int(str(memory_id)), str(memory)) for memory_id, memory in rows]

    async def add_memory(self, user_id: str, memory: str) -> int:
        """Add a memory and return its id."""
        ((memory_id,),) = await self._fetch("add_memory", {"user_id": user_id, "memory": memory})
        return int(str(memory_id))

    async def update_memory(self, user_id: str, memory_id: str, memory: str) -> None:
        """Replace the text of a memory. Raises ``ToolError`` if the user has no such memory."""
        values = {"user_id": user_id, "memory_id": _memory_number(memory_id), "memory": memory}
        if await self._execute("update_memory", values) != 1:
            raise ToolError(f"there is no memory {memory_id}; use a number in brackets")

    async def delete_memory(self, user_id: str, memory_id: str) -> None:
        """Delete a memory. Raises ``ToolError`` if the user has no such memory."""
        values = {"user_id": user_id, "memory_id": _memory_number(memory_id)}
        if await self._execute("delete_memory", values) != 1:
            raise ToolError(f"there is no memory {memory_id}; use a number in brackets")

    async def delete_user(self, user_id: str) -> None:
        """Delete a user's sessions with their runs, and the user's memories."""
        await self._execute("delete_sessions_of_user", {"user_id": user_id})
        await self._execute("delete_memories_of_user", {"user_id": user_id})

    async def _fetch(self, query: str, values: Mapping[str, object]) -> list[tuple[object, ...]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_QUERIES[query], values)).fetchall()

    async def _execute(self, query: str, values: Mapping[str, object]) -> int:
        async with self._pool.connection() as connection:
            return (await connection.execute(_QUERIES[query], values)).rowcount


def _messages(stored: object) -> list[Message]:
    try:
        if isinstance(stored, list):
            return [Message.from_json(message) for message in stored]
    except (AttributeError, ValueError) as error:
        raise StorageError(f"memeval_team.runs contains a message that cannot be read: {error}; delete that run") from error
    raise StorageError("memeval_team.runs contains messages that are not a list; delete that run")


def _memory_number(memory_id: str) -> int:
    digits = memory_id.strip(" []")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ToolError(f"{memory_id!r} is not the number of a memory; use a number in brackets")
    return int(digits)
