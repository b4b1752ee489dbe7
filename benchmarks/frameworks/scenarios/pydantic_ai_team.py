"""The team on Pydantic AI: the weather agent is a tool of the leader; the history is kept in SQLite."""

import sqlite3

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessagesTypeAdapter
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


def setup():
    global TEAM, DATABASE
    if TRACED:
        Agent.instrument_all()
    DATABASE = sqlite3.connect(FOLDER / "pydantic_ai.db")
    DATABASE.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, messages BLOB)")
    weather = Agent(f"openai-chat:{MODEL}", name="weather_agent", instructions=MEMBER)
    TEAM = Agent(f"openai-chat:{MODEL}", name="leader", instructions=LEADER)

    @weather.tool_plain
    def get_weather(city: str) -> str:
        """Get the weather of the next days in a city."""
        return weather_of(city)

    @TEAM.tool_plain
    async def delegate_task_to_member(task: str) -> str:
        """Ask the weather agent."""
        return (await weather.run(task)).output


def teardown():
    DATABASE.close()


async def run():
    rows = DATABASE.execute(f"SELECT messages FROM runs ORDER BY id DESC LIMIT {HISTORY_RUNS}").fetchall()
    history = [message for (blob,) in reversed(rows) for message in ModelMessagesTypeAdapter.validate_json(blob)]
    async with TEAM.run_stream_events(question(), message_history=history) as events:
        last = await consume(events, 10)
    DATABASE.execute("INSERT INTO runs (messages) VALUES (?)", (last.result.new_messages_json(),))
    DATABASE.commit()
