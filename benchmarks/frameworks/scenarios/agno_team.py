"""The team on agno: sessions and memories in PostgreSQL or SQLite, the history of three runs, streamed events."""

import uuid

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.team.team import Team
from team_parts import DSN, FOLDER, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of

SESSION = uuid.uuid4().hex


def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def database():
    if DSN:
        from agno.db.postgres import PostgresDb

        return PostgresDb(db_url=DSN)
    from agno.db.sqlite import SqliteDb

    return SqliteDb(db_file=str(FOLDER / "agno.db"))


def setup():
    global TEAM
    if TRACED:
        from openinference.instrumentation.agno import AgnoInstrumentor

        AgnoInstrumentor().instrument()
    common = {"model": OpenAIChat(id=MODEL), "db": database(), "telemetry": False}
    common |= {"update_memory_on_run": True, "add_history_to_context": True}
    weather = Agent(name="Weather Agent", role="Tells the weather", instructions=MEMBER, tools=[get_weather], **common)
    TEAM = Team(name="Weather Team", members=[weather], instructions=LEADER, **common)


async def run():
    await consume(TEAM.arun(question(), session_id=SESSION, user_id=SESSION, stream=True, stream_events=True), 10)
