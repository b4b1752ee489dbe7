"""The team on LlamaIndex: the weather agent is a tool of the leader; the memory is kept in SQLite."""

import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import Memory
from llama_index.llms.openai_like import OpenAILike
from team_parts import FOLDER, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def setup():
    global TEAM, MEMORY
    if TRACED:
        from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

        LlamaIndexInstrumentor().instrument()
    address = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
    model = OpenAILike(model=MODEL, is_chat_model=True, is_function_calling_model=True, **address)
    weather = FunctionAgent(name="weather", llm=model, tools=[get_weather], system_prompt=MEMBER)

    async def delegate_task_to_member(task: str) -> str:
        """Ask the weather agent."""
        return str(await weather.run(user_msg=task))

    TEAM = FunctionAgent(name="leader", llm=model, tools=[delegate_task_to_member], system_prompt=LEADER)
    MEMORY = Memory.from_defaults(
        session_id="session",
        token_limit=1500,
        async_database_uri=f"sqlite+aiosqlite:///{FOLDER / 'llama_index.db'}",
    )


async def run():
    answer = TEAM.run(user_msg=question(), memory=MEMORY)
    await consume(answer.stream_events(), 10)
    await answer
