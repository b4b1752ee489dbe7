"""Run the team scenario with a common bug: a cache of sessions that is never emptied.

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
"""The transcript of each session, in a buffer as large as the model's context, so that replies can be inserted."""

_numbers = itertools.count(1)


async def run_team() -> None:
    """Do one iteration: ask in a new session, and keep its transcript."""
    session_id = f"leaky-session-{next(_numbers):06d}"
    transcript = ""
    async with aclosing(ask_team(random_city(), session_id)) as events:
        async for event in events:
            if isinstance(event, ContentDelta):
                transcript += event.text
    if not transcript:
        raise RuntimeError("the team sent no answer: no text arrived")
    # The bug: the session is not removed when it has ended.
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
