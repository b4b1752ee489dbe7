"""The team on AutoGen: the weather agent is a tool of the leader; the state of the leader is kept in SQLite."""

import json
import sqlite3

from autogen_agentchat.agents import AssistantAgent
from autogen_core.model_context import BufferedChatCompletionContext
from autogen_ext.models.openai import OpenAIChatCompletionClient
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


async def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


async def delegate_task_to_member(task: str) -> str:
    """Ask the weather agent."""
    weather = AssistantAgent("weather", CLIENT, tools=[get_weather], system_message=MEMBER, reflect_on_tool_use=True)
    return (await weather.run(task=task)).messages[-1].content


def setup():
    global DATABASE, CLIENT
    if TRACED:
        from openinference.instrumentation.autogen_agentchat import AutogenAgentChatInstrumentor

        AutogenAgentChatInstrumentor().instrument()
    DATABASE = sqlite3.connect(FOLDER / "autogen.db")
    DATABASE.execute("CREATE TABLE state (id INTEGER PRIMARY KEY, state TEXT)")
    abilities = {"vision": False, "function_calling": True, "json_output": False, "structured_output": False}
    CLIENT = OpenAIChatCompletionClient(model=MODEL, model_info={**abilities, "family": "gpt-5"})


async def teardown():
    DATABASE.close()
    await CLIENT.close()


async def run():
    leader = AssistantAgent(
        "leader",
        CLIENT,
        tools=[delegate_task_to_member],
        system_message=LEADER,
        model_context=BufferedChatCompletionContext(4 * HISTORY_RUNS),
        model_client_stream=True,
        reflect_on_tool_use=True,
    )
    row = DATABASE.execute("SELECT state FROM state").fetchone()
    if row:
        await leader.load_state(json.loads(row[0]))
    await consume(leader.run_stream(task=question()), 5)
    state = await leader.save_state()
    state["llm_context"]["messages"] = state["llm_context"]["messages"][-4 * HISTORY_RUNS :]
    DATABASE.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (json.dumps(state),))
    DATABASE.commit()
