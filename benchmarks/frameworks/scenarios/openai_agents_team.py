"""The team on the OpenAI Agents SDK: the weather agent is a tool of the leader; the session is kept in SQLite."""

from agents import Agent, RunConfig, Runner, SessionSettings, SQLiteSession, function_tool, set_tracing_disabled
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


@function_tool
def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def setup():
    global TEAM, SESSION
    set_tracing_disabled(not TRACED)
    if TRACED:
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

        OpenAIAgentsInstrumentor().instrument()
    weather = Agent(name="Weather Agent", model=MODEL, instructions=MEMBER, tools=[get_weather])
    delegate = weather.as_tool("delegate_task_to_member", "Ask the weather agent.")
    TEAM = Agent(name="Leader", model=MODEL, instructions=LEADER, tools=[delegate])
    SESSION = SQLiteSession("session", FOLDER / "openai_agents.db")


def teardown():
    SESSION.close()


async def run():
    history = RunConfig(session_settings=SessionSettings(limit=4 * HISTORY_RUNS))
    answer = Runner.run_streamed(TEAM, question(), session=SESSION, run_config=history)
    await consume(answer.stream_events(), 10)
