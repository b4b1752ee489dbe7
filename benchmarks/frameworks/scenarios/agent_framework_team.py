"""The team on Microsoft's Agent Framework: the weather agent is a tool of the leader; files keep the history."""

import warnings

warnings.simplefilter("ignore", FutureWarning)  # FileHistoryProvider is experimental

from agent_framework import Agent, FileHistoryProvider, tool
from agent_framework.openai import OpenAIChatCompletionClient
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, consume, question, weather_of


class LastRuns(FileHistoryProvider):
    async def get_messages(self, *arguments, **keywords):
        messages = await super().get_messages(*arguments, **keywords)
        starts = [index for index, message in enumerate(messages) if message.role == "user"][-HISTORY_RUNS:]
        return messages[starts[0] :] if starts else messages


@tool(approval_mode="never_require")
def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def setup():
    global TEAM
    if TRACED:
        from agent_framework.observability import enable_instrumentation

        enable_instrumentation()
    model = OpenAIChatCompletionClient(MODEL)
    weather = Agent(model, MEMBER, name="weather", tools=[get_weather])
    delegate = weather.as_tool(name="delegate_task_to_member", description="Ask the weather agent.", arg_name="task")
    TEAM = Agent(model, LEADER, name="leader", tools=[delegate], context_providers=[LastRuns(FOLDER)])


async def run():
    session = TEAM.create_session(session_id="session")
    await consume(TEAM.run(question(), stream=True, session=session), 5)
