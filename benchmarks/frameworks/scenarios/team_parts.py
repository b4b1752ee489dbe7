"""The parts of the team that are the same for every framework."""

import os
import random
from pathlib import Path

MODEL = "gpt-5.2"
LEADER = "Answer in two sentences."
MEMBER = "Look the weather up with get_weather. Be brief."
FOLDER = Path(os.environ["TEAM_FOLDER"])
DSN = os.environ.get("TEAM_DSN")
TRACED = os.environ.get("TEAM_TRACED") == "1"
HISTORY_RUNS = 3

_CITIES = ("Berlin", "Cairo", "Lagos", "Lima", "Oslo", "Paris", "Tokyo")
_RANDOM = random.Random(5)


def question():
    city = _RANDOM.choice(_CITIES)
    return f"I love {city}! What weather can I expect in {city}?"


def weather_of(city):
    return f"In {city} it is sunny, with 22 degrees in the afternoon and a light wind."


async def consume(events, least):
    """Read a stream to its end and return the last event."""
    count, last = 0, None
    async for event in events:
        count, last = count + 1, event
    if count < least:
        raise RuntimeError(f"the team sent {count} events; expected at least {least}")
    return last
