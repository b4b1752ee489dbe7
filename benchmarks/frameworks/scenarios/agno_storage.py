"""An agno agent that keeps its sessions in SQLite: a new agent for each call, two questions."""

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.openai import OpenAIChat
from team_parts import FOLDER, MODEL

DATABASE = SqliteDb(db_file=str(FOLDER / "agno.db"))


def run():
    agent = Agent(
        model=OpenAIChat(id=MODEL),
        system_message="Be concise, reply with one sentence.",
        db=DATABASE,
        add_history_to_context=True,
        telemetry=False,
    )
    agent.run("What is the capital of France?")
    agent.run("How many people live there?")
