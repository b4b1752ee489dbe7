"""Identity and surroundings of one run."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timezone
from typing import NamedTuple

import msgspec

from otel_memeval.config import Settings
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options


class RunStart(msgspec.Struct, frozen=True, kw_only=True):
    """Identity and start of a run."""

    run_id: str
    started_at: str
    """RFC 3339, UTC."""
    monotonic_seconds: float

    @classmethod
    def now(cls, run_id: str | None = None) -> RunStart:
        """Return a start at this moment, with a new id unless one is given."""
        return cls(
            run_id=run_id or uuid.uuid4().hex,
            started_at=datetime.now(timezone.utc).isoformat(),
            monotonic_seconds=time.monotonic(),
        )


class RunContext(NamedTuple):
    """Surroundings of one run."""

    start: RunStart
    options: Options
    observer: Observer
    settings: Settings
