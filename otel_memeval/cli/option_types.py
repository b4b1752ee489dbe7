"""Types of options: convert the text of an option to its value."""

from __future__ import annotations

import click

from otel_memeval.errors import UsageError
from otel_memeval.verdicts import REGRESSED, STATES


class Size(click.ParamType["int"]):
    """A size such as ``16KiB``, as a number of bytes."""

    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes. Raises ``click.BadParameter`` if it is not a size."""
        from otel_memeval.units import parse_bytes

        try:
            return parse_bytes(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType["float"]):
    """A duration such as ``15m``, as a number of seconds above 0, or from 0 on if that is allowed."""

    name = "DURATION"

    def __init__(self, *, allows_zero: bool = False) -> None:
        self._allows_zero = allows_zero

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of seconds. Raises ``click.BadParameter`` if it is no duration, or too short."""
        from otel_memeval.units import parse_seconds

        try:
            seconds = parse_seconds(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if not (seconds > 0 or (self._allows_zero and seconds == 0)):
            self.fail(f"{value} is not more than 0 seconds", param, ctx)
        return seconds


class Verdicts(click.ParamType["tuple[str, ...]"]):
    """A list of verdicts such as ``leaking,idle``, or ``never``."""

    name = "LIST"

    def convert(
        self, value: str | list[str] | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the verdicts, none for ``never``. Raises ``click.BadParameter`` if one is unknown."""
        if isinstance(value, tuple):
            return value
        if isinstance(value, list):
            value = ",".join(value)
        if value.strip() == "never":
            return ()
        states = tuple(part.strip() for part in value.split(",") if part.strip())
        from difflib import get_close_matches  # for an error only

        known = (*STATES, REGRESSED)
        unknown = [state for state in states if state not in known]
        if unknown or not states:
            similar = get_close_matches(unknown[0], known, 1) if unknown else []
            question = f" (did you mean {similar[0]}?)" if similar else ""
            problem = f"unknown verdict: {', '.join(unknown)}{question}" if unknown else "there is no verdict in it"
            self.fail(f"{problem}; name some of {', '.join(known)}, or never", param, ctx)
        return states
