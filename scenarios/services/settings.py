"""Read the services named in the environment; services that it does not name are embedded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# PGPASSWORD, PGSSLMODE and similar variables configure a connection but do not name a database.
_DATABASE_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER")
DEFAULT_MODEL = "gpt-5.2"
NO_KEY = "no-key-needed"


@dataclass(frozen=True)
class Settings:
    """The services named in the user's environment; ``None`` means the embedded service.

    ``repr`` contains no secrets.
    """

    model: str
    api_key: str | None = field(repr=False)
    base_url: str | None = field(repr=False)
    """The URL of the model's service; with a key, ``None`` means OpenAI's own service."""
    dsn: str | None = field(repr=False)
    """The connection string; ``""`` means that libpq reads its ``PG*`` variables."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read ``OPENAI_*``, ``DATABASE_URL``, ``PG*`` and ``MEMEVAL_MODEL``; an empty variable counts as absent."""
        base_url = environment.get("OPENAI_BASE_URL") or None
        # A service that is named without a key needs none, as is usual for local ones.
        key = environment.get("OPENAI_API_KEY") or (NO_KEY if base_url else None)
        dsn: str | None = environment.get("DATABASE_URL") or None
        if dsn is None and any(environment.get(name) for name in _DATABASE_VARIABLES):
            dsn = ""
        return cls(
            model=environment.get("MEMEVAL_MODEL") or DEFAULT_MODEL,
            api_key=key,
            base_url=base_url,
            dsn=None if dsn is None else _without_driver(dsn),
        )

    @property
    def embeds_model(self) -> bool:
        """Return whether the local model server is needed."""
        return self.api_key is None

    @property
    def embeds_database(self) -> bool:
        """Return whether the embedded PostgreSQL is needed."""
        return self.dsn is None


def _without_driver(dsn: str) -> str:
    """Change SQLAlchemy's ``postgresql+psycopg://…`` to the form that libpq reads."""
    scheme, separator, rest = dsn.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}" if separator else dsn
