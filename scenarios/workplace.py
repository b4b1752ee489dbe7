"""Open and close a model and a database together, those of the user or embedded ones."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from scenarios.agents import ChatModel, Storage
from scenarios.services.errors import ServiceError
from scenarios.services.launch import EmbeddedServices
from scenarios.services.settings import NO_KEY, Settings

# Well below the 600 s after which the connection pool checks its connections: the event loop drops a cancelled timer at
# once if it is the next one due, and otherwise keeps up to a hundred of them, which resembles a leak.
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Workplace:
    """A model, a database, and one line that describes them without user, password or key."""

    model: ChatModel
    database: Storage
    description: str
    services: EmbeddedServices | None
    """The embedded services, if there are any."""


@contextlib.asynccontextmanager
async def open_workplace(environment: Mapping[str, str]) -> AsyncIterator[Workplace]:
    """Start the services that the environment does not name, connect to all, and undo both at the end.

    Raises ``ServiceError`` with one line: what happened, where, and what to do.
    """
    settings = Settings.from_environment(environment)
    if settings.base_url is not None and not _is_http_url(settings.base_url):
        # The address is not repeated: it may contain a password.
        raise ServiceError("model service: OPENAI_BASE_URL is not a URL; set it like https://host/v1")
    async with contextlib.AsyncExitStack() as stack:
        services: EmbeddedServices | None = None
        if settings.embeds_model or settings.embeds_database:
            services = await EmbeddedServices.start(model_server=settings.embeds_model, database=settings.embeds_database)
            stack.push_async_callback(services.stop)
        client = await stack.enter_async_context(_client(settings, services))
        embedded_dsn = services.dsn if services is not None else None
        database = await _open_database(embedded_dsn if settings.dsn is None else settings.dsn)
        stack.push_async_callback(database.close)
        model = f"model {settings.model} ({_model_address(client, embedded=settings.embeds_model)})"
        server = f"PostgreSQL {database.server.version} ({_database_address(database, embedded=settings.embeds_database)})"
        yield Workplace(ChatModel(client, settings.model), database, f"{model} · {server}", services)


def _client(settings: Settings, services: EmbeddedServices | None) -> AsyncOpenAI:
    if settings.api_key is not None:
        return AsyncOpenAI(api_key=settings.api_key, base_url=settings.base_url, timeout=_TIMEOUT_SECONDS)
    assert services is not None, "the model is embedded if there is no key"
    # Without the proxy of the environment: the server is on the loopback interface.
    direct = DefaultAsyncHttpxClient(trust_env=False)
    return AsyncOpenAI(api_key=NO_KEY, base_url=services.model_url, http_client=direct, timeout=_TIMEOUT_SECONDS)


def _is_http_url(text: str) -> bool:
    try:
        address = urlsplit(text)
        # Reading the port checks it.
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


async def _open_database(dsn: str | None) -> Storage:
    assert dsn is not None, "a database is either named or embedded"
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:
        # The reason quotes the unreadable text, which may contain the password.
        raise ServiceError(
            "PostgreSQL: DATABASE_URL cannot be read; set it like postgresql://user:password@host:5432/database"
        ) from None
    address = f"{parts.get('host') or 'the default host'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
    try:
        return await Storage.open(dsn)
    except (psycopg.Error, PoolTimeout) as error:
        reason = " ".join(str(error).split())
        if parts.get("password"):
            reason = reason.replace(str(parts["password"]), "***")
        raise ServiceError(
            f"PostgreSQL at {address}: {reason}; check DATABASE_URL or PG*, or unset them for the embedded one"
        ) from None


def _model_address(client: AsyncOpenAI, *, embedded: bool) -> str:
    url = urlsplit(str(client.base_url))
    address = f"{url.hostname}:{url.port}" if url.port else f"{url.hostname}"
    return f"local server, {address}" if embedded else address


def _database_address(database: Storage, *, embedded: bool) -> str:
    server = database.server
    return "embedded" if embedded else f"{server.host}:{server.port}/{server.database}"
