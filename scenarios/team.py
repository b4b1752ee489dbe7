"""Run the team scenario: a leader and a weather agent with memories and history answer questions about cities.

Measure it with ``python -m otel_memeval scenarios.team``.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from otel_memeval import PerformanceEval
from scenarios.agents import Agent, ChatModel, Event, Storage, Team
from scenarios.services.settings import Settings
from scenarios.workplace import Workplace, open_workplace

CITIES = ("Berlin", "Cairo", "Lagos", "Lima", "New York", "Oslo", "Paris", "Rio de Janeiro", "Sydney", "Tokyo")
TEAM_ID = "weather-team"

# Created by setup() and not on import, because the addresses of model and database are known only then. A global, so that
# the path to a holder of memory begins with a name: scenarios.team.TEAM -> Team.members[0] -> ...
TEAM: Team | None = None
_workplace: Workplace | None = None
_resources = AsyncExitStack()
_random = random.Random()
_session_id = ""
_user_id = ""


def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return f"In {city} it is sunny, with 22 degrees in the afternoon and a light wind."


def build_team(model: ChatModel, database: Storage) -> Team:
    """Return a leader with one member; both keep history and memories in ``database``."""
    weather_agent = Agent(
        name="Weather Agent",
        model=model,
        role="Tells the weather of cities",
        description="You are a helpful assistant who knows the weather everywhere.",
        instructions="Look the weather up with get_weather. Be brief.",
        tools=[get_weather],
        database=database,
        update_memory_on_run=True,
        add_history_to_context=True,
        stream_events=True,
    )
    return Team(
        name="Weather Team",
        model=model,
        instructions="Answer in two sentences.",
        members=[weather_agent],
        database=database,
        update_memory_on_run=True,
        add_history_to_context=True,
    )


async def setup() -> None:
    """Open model and database and build the team. Session and user are new in every run, the cities are the same."""
    global TEAM, _workplace, _session_id, _user_id
    try:
        _workplace = await _resources.enter_async_context(open_workplace(os.environ))
        _session_id, _user_id = f"session-{uuid.uuid4().hex}", f"user-{uuid.uuid4().hex}"
        # The rows of this run are deleted at the end, which matters in a database of the user.
        _resources.push_async_callback(_workplace.database.delete_user, _user_id)
        _random.seed(5)
        TEAM = build_team(_workplace.model, _workplace.database)
    except BaseException:
        await teardown()
        raise


async def teardown() -> None:
    """Undo ``setup``, also if it did not finish."""
    global TEAM, _workplace
    TEAM = _workplace = None
    await _resources.aclose()


def describe() -> str:
    """Return one line with the model and the database of the team."""
    return _workplace.description if _workplace is not None else "not set up"


def random_city() -> str:
    """Return the next city of a sequence that is the same in every run."""
    return _random.choice(CITIES)


async def ask_team(city: str, session_id: str) -> AsyncGenerator[Event, None]:
    """Ask the team one question and yield the events of its answer."""
    assert TEAM is not None, "setup() comes first"
    question = f"I love {city}! What weather can I expect in {city}?"
    answer = TEAM.arun(question, session_id=session_id, user_id=_user_id, stream=True, stream_events=True)
    async with aclosing(answer) as events:
        async for event in events:
            yield event


async def run_team() -> None:
    """Do one iteration: ask about a random city and read the answer to its end."""
    num_events = 0
    async with aclosing(ask_team(random_city(), _session_id)) as events:
        async for _ in events:
            num_events += 1
    if num_events == 0:
        raise RuntimeError("the team sent no answer: no event arrived")


team_response_with_memory_impact = PerformanceEval(
    name="Team Memory Impact",
    func=run_team,
    num_iterations=5,
    warmup_runs=0,
    max_iterations=5,  # always five, whatever the verdict; an inconclusive verdict names the number needed
    measure_runtime=False,
    memory_growth_tracking=True,
    setup=setup,
    teardown=teardown,
    describe=describe,
    model_id=Settings.from_environment(os.environ).model,
    model_provider="openai",
    team_id=TEAM_ID,
)
