"""The team on LangGraph: the weather agent is a tool of the leader; checkpoints are kept in SQLite."""

from langchain.agents import create_agent
from langchain.agents.middleware import before_model
from langchain_core.messages import RemoveMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


@tool
def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


@before_model
def keep_last_runs(state, runtime):
    messages = state["messages"]
    starts = [index for index, message in enumerate(messages) if message.type == "human"][-HISTORY_RUNS - 1 :]
    if starts[0] == 0:
        return None
    return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *messages[starts[0] :]]}


async def setup():
    global TEAM, OPENED
    if TRACED:
        from openinference.instrumentation.langchain import LangChainInstrumentor

        LangChainInstrumentor().instrument()
    OPENED = AsyncSqliteSaver.from_conn_string(str(FOLDER / "langgraph.db"))
    saver = await OPENED.__aenter__()
    model = ChatOpenAI(model=MODEL)
    weather = create_agent(model, [get_weather], system_prompt=MEMBER)

    @tool
    async def delegate_task_to_member(task: str) -> str:
        """Ask the weather agent."""
        return (await weather.ainvoke({"messages": [("user", task)]}))["messages"][-1].content

    TEAM = create_agent(
        model, [delegate_task_to_member], system_prompt=LEADER, checkpointer=saver, middleware=[keep_last_runs]
    )


async def teardown():
    await OPENED.__aexit__(None, None, None)


async def run():
    thread = {"configurable": {"thread_id": "session"}}
    await consume(TEAM.astream_events({"messages": [("user", question())]}, thread, version="v2"), 10)
