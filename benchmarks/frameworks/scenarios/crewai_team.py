"""The team on CrewAI: a crew with the weather agent; the history of three runs is kept in SQLite."""

import os
import sqlite3

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false", CREWAI_TESTING="true")
os.environ["CREWAI_STORAGE_DIR"] = os.environ["TEAM_FOLDER"]

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from team_parts import FOLDER, HISTORY_RUNS, LEADER, MEMBER, MODEL, TRACED, question, weather_of


@tool
def get_weather(city: str) -> str:
    """Get the weather of the next days in a city."""
    return weather_of(city)


def setup():
    global TEAM, DATABASE
    if TRACED:
        from openinference.instrumentation.crewai import CrewAIInstrumentor
        from openinference.instrumentation.openai import OpenAIInstrumentor

        CrewAIInstrumentor().instrument()
        OpenAIInstrumentor().instrument()
    DATABASE = sqlite3.connect(FOLDER / "crewai.db")
    DATABASE.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, question TEXT, answer TEXT)")
    model = LLM(model=f"openai/{MODEL}", stream=True)
    weather = Agent(role="Weather agent", goal="Tell the weather", backstory=MEMBER, llm=model, tools=[get_weather])
    task = Task(description="{history}\n{question}", expected_output=LEADER, agent=weather)
    TEAM = Crew(agents=[weather], tasks=[task], verbose=False)


def teardown():
    DATABASE.close()


async def run():
    asked = question()
    rows = DATABASE.execute(f"SELECT question, answer FROM runs ORDER BY id DESC LIMIT {HISTORY_RUNS}").fetchall()
    answer = await TEAM.kickoff_async(inputs={"history": repr(rows[::-1]), "question": asked})
    DATABASE.execute("INSERT INTO runs (question, answer) VALUES (?, ?)", (asked, str(answer)))
    DATABASE.commit()
