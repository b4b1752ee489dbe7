"""Types of options: text on the command line to values, with the reason where that cannot be."""

from __future__ import annotations

import click

from otel_memeval.errors import UsageError
from otel_memeval.verdicts import STATES


class Size(click.ParamType["int"]):
    """``16KiB`` as a number of bytes."""

    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes; fails as a wrong use does."""
        from otel_memeval.units import parse_bytes

        try:
            return parse_bytes(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType["float"]):
    """``15m`` as a number of seconds, more than none."""

    name = "DURATION"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; fails as a wrong use does."""
        from otel_memeval.units import parse_seconds

        try:
            seconds = parse_seconds(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if not seconds > 0:
            self.fail(f"{value} is no time at all", param, ctx)
        return seconds


class Verdicts(click.ParamType["tuple[str, ...]"]):
    """``leaking,idle`` or ``never`` as a list of states."""

    name = "LIST"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The states named; empty for ``never``."""
        if isinstance(value, tuple):
            return value
        if value.strip() == "never":
            return ()
        states = tuple(part.strip() for part in value.split(",") if part.strip())
        unknown = [state for state in states if state not in STATES]
        if unknown or not states:
            what = f"{', '.join(unknown)} is no verdict" if unknown else "no verdict is named"
            self.fail(f"{what}; name some of {', '.join(STATES)}, or never", param, ctx)
        return states
