"""Schedules that are looked up from a time that moves on: caches kept every time."""

import datetime
from itertools import count

from croniter import croniter

START = datetime.datetime(2024, 1, 1)
MINUTES = count()


def run() -> None:
    """Evaluate an expression at ten minutes in a row."""
    for _ in range(10):
        now = START + datetime.timedelta(minutes=next(MINUTES))
        croniter("*/5 * * * *", now).get_next(datetime.datetime)
