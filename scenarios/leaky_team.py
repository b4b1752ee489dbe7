"""The team scenario with a bug that is easy to write: a cache of sessions that nobody ever empties.

Measure it with ``python -m otel_memeval scenarios.leaky_team``: the verdict is ``leaking``.
"""

from __future__ import annotations

import itertools
import os
from contextlib import aclosing

from otel_memeval import PerformanceEval
from scenarios.agents import ContentDelta
from scenarios.services.settings import Settings
from scenarios.team import TEAM_ID, ask_team, describe, random_city, setup, teardown

CONTEXT_BYTES = 64 * 1024

SESSIONS: dict[str, bytearray] = {}
"""What was said in every session, in a buffer as large as the model's context, so that a reply can be patched in."""

_numbers = itertools.count(1)


async def run_team() -> None:
    """One iteration: a new user session, whose transcript is kept."""
    session_id = f"leaky-session-{next(_numbers):06d}"
    transcript = ""
    async with aclosing(ask_team(random_city(), session_id)) as events:
        async for event in events:
            if isinstance(event, ContentDelta):
                transcript += event.text
    if not transcript:
        raise RuntimeError("the team answered nothing: no text arrived")
    # The bug: when a session is over, nobody takes it out again.
    SESSIONS[session_id] = bytearray(transcript.encode().ljust(CONTEXT_BYTES))


leaky_team = PerformanceEval(
    name="Leaky Team",
    func=run_team,
    num_iterations=5,
    warmup_runs=1,
    measure_runtime=False,
    memory_growth_tracking=True,
    setup=setup,
    teardown=teardown,
    describe=describe,
    model_id=Settings.from_environment(os.environ).model,
    model_provider="openai",
    team_id=TEAM_ID,
)
