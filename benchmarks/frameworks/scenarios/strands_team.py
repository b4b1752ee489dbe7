"""The team on Strands Agents: the weather agent is a tool of the leader; files keep the session. It traces by itself."""

from strands import Agent, tool
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.models.openai import OpenAIModel
from strands.session.file_session_manager import FileSessionManager
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, consume, question, weather_of


@tool
def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def setup():
    global TEAM
    model = OpenAIModel(model_id=MODEL)

    @tool
    async def delegate_task_to_member(task: str) -> str:
        """Ask the weather agent."""
        weather = Agent(model=model, tools=[get_weather], system_prompt=MEMBER, callback_handler=None)
        return str(await weather.invoke_async(task))

    TEAM = Agent(
        agent_id="leader",
        model=model,
        tools=[delegate_task_to_member],
        system_prompt=LEADER,
        session_manager=FileSessionManager(session_id="session", storage_dir=str(FOLDER)),
        conversation_manager=SlidingWindowConversationManager(window_size=4 * HISTORY_RUNS),
        callback_handler=None,
    )


async def run():
    await consume(TEAM.stream_async(question()), 10)
