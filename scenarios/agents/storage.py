"""Sessions, runs and user memories in PostgreSQL. Nothing without a limit is ever loaded."""

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
"""How many memories of a user are loaded: the newest."""


@dataclass(frozen=True, slots=True)
class UserMemory:
    """One fact about a user."""

    memory_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which database it is; without user and password."""

    version: str
    host: str
    port: int
    database: str

    @classmethod
    def of(cls, connection: AsyncConnection[tuple[object, ...]]) -> ServerInfo:
        """Ask the connection; the version is a number such as ``18.4``, without what a distribution adds."""
        info = connection.info
        version = (info.parameter_status("server_version") or "unknown").split(" ")[0]
        return cls(version, info.host, info.port, info.dbname)


class Storage:
    """A database behind a connection pool. Made by ``open``, ended by ``close``."""

    def __init__(self, pool: _Pool, server: ServerInfo) -> None:
        self._pool = pool
        self.server = server

    @classmethod
    async def open(cls, dsn: str, *, max_connections: int = 4, connect_timeout_seconds: int = 5) -> Storage:
        """Connect and create what is missing in the schema ``memeval_team``.

        Raises ``psycopg.Error`` when the database cannot be reached or refuses; a timeout in ``dsn`` comes first.
        """
        dsn = make_conninfo(dsn, **{"connect_timeout": connect_timeout_seconds, **conninfo_to_dict(dsn)})
        # Once by itself: a pool answers a wrong address by trying again and again, and only its log says why.
        async with await AsyncConnection.connect(dsn) as connection:
            await connection.execute(load_text("schema.sql"))
            server = ServerInfo.of(connection)
        # Without server-side prepared statements: behind PgBouncer they fail, and they fill a cache over several runs.
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
        """The messages of the last ``num_runs`` runs of an agent in a session, oldest first."""
        rows = await self._fetch("history", {"session_id": session_id, "agent": agent, "limit": num_runs})
        return [message for (messages,) in rows for message in _messages(messages)]

    async def save_run(self, run_id: str, *, session_id: str, agent: str, user_id: str, messages: Sequence[Message]) -> None:
        """Keep what a run added to the conversation; the session is made if it is new."""
        values = {"run_id": run_id, "session_id": session_id, "agent": agent, "user_id": user_id}
        await self._execute("save_run", {**values, "messages": Jsonb([message.as_json() for message in messages])})

    async def memories(self, user_id: str) -> list[UserMemory]:
        """What is remembered about a user, oldest first, at most ``MAX_MEMORIES``."""
        rows = await self._fetch("memories", {"user_id": user_id, "limit": MAX_MEMORIES})
        return [UserMemory(int(str(memory_id)), str(memory)) for memory_id, memory in rows]

    async def add_memory(self, user_id: str, memory: str) -> int:
        """Remember; the id of the new memory."""
        ((memory_id,),) = await self._fetch("add_memory", {"user_id": user_id, "memory": memory})
        return int(str(memory_id))

    async def update_memory(self, user_id: str, memory_id: str, memory: str) -> None:
        """Replace. Raises ``ToolError`` if the user has no such memory."""
        values = {"user_id": user_id, "memory_id": _memory_number(memory_id), "memory": memory}
        if await self._execute("update_memory", values) != 1:
            raise ToolError(f"there is no memory {memory_id}; use a number in brackets")

    async def delete_memory(self, user_id: str, memory_id: str) -> None:
        """Forget. Raises ``ToolError`` if the user has no such memory."""
        values = {"user_id": user_id, "memory_id": _memory_number(memory_id)}
        if await self._execute("delete_memory", values) != 1:
            raise ToolError(f"there is no memory {memory_id}; use a number in brackets")

    async def delete_user(self, user_id: str) -> None:
        """Remove a user's sessions with their runs, and the user's memories."""
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
        raise StorageError(f"memeval_team.runs holds a message that cannot be read: {error}; delete that run") from error
    raise StorageError("memeval_team.runs holds messages that are not a list; delete that run")


def _memory_number(memory_id: str) -> int:
    digits = memory_id.strip(" []")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ToolError(f"{memory_id!r} is no memory's number; use a number in brackets")
    return int(digits)
