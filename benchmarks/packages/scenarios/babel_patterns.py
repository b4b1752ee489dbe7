"""Dates formatted with patterns that come from users: each pattern stayed in a cache without a bound."""

import datetime
from itertools import count

from babel.dates import format_datetime

NOW = datetime.datetime(2024, 1, 1)
NUMBERS = count()


def run() -> None:
    """Format with fifty new patterns."""
    for _ in range(50):
        format_datetime(NOW, f"yyyy-MM-dd 'report {next(NUMBERS)}'", locale="en")
