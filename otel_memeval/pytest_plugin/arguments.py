"""Arguments of the marker and of the fixture, with the project's settings as defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
import msgspec

from otel_memeval.cli.option_types import Verdicts
from otel_memeval.config import ProjectSettings
from otel_memeval.errors import UsageError
from otel_memeval.evaluation import PerformanceEval
from otel_memeval.run.plan import DEFAULT_ITERATIONS, DEFAULT_WARMUP
from otel_memeval.verdicts import FAILING_STATES

DEFAULT_FAIL_ON = tuple(state for state in FAILING_STATES if state != "idle")
"""Verdicts that fail a test. Not ``idle``: a test may do little, and in its process no call is watched to be sure."""


class MarkerArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments as they are given; None: the project's setting of the same name, else the default."""

    iterations: int | None = None
    warmup: int | None = None
    max_growth: int | str | None = None
    max_peak_growth: int | str | None = None
    fail_on: str | tuple[str, ...] | None = None
    ignore: tuple[dict[str, str], ...] = ()
    in_process: bool = True
    """False: the test, with its fixtures, runs in a process of its own."""

    @classmethod
    def of(cls, positional: tuple[object, ...], keywords: Mapping[str, object]) -> MarkerArguments:
        """Return the options that arguments stand for. Raises ``UsageError`` for arguments that cannot be used."""
        if positional:
            raise UsageError("memeval takes no positional arguments", "name them: memeval(iterations=20)")
        try:
            options = msgspec.convert(keywords, cls)
        except msgspec.ValidationError as error:
            remedy = f"arguments are {', '.join(cls.__struct_fields__)}"
            raise UsageError(
                f"memeval: {str(error).replace('Object contains unknown field', 'unknown argument')}", remedy
            ) from None
        return options

    def fail_on_states(self, project: ProjectSettings) -> tuple[str, ...]:
        """Return the verdicts that fail the test. Raises ``UsageError`` for an unknown one."""
        asked = self.fail_on if self.fail_on is not None else project.fail_on
        if asked is None:
            return DEFAULT_FAIL_ON
        try:
            return Verdicts().convert(asked if isinstance(asked, str) else list(asked), None, None)
        except click.BadParameter as error:
            raise UsageError(f"memeval: fail_on: {error.message}") from None

    def evaluation(self, func: Callable[[], object], name: str, project: ProjectSettings) -> PerformanceEval:
        """Return the eval that calls ``func`` as often as the options say."""
        return PerformanceEval(
            func=func,
            name=name,
            num_iterations=_first(self.iterations, project.iterations, DEFAULT_ITERATIONS),
            warmup_runs=_first(self.warmup, project.warmup, DEFAULT_WARMUP),
            max_growth=self.max_growth if self.max_growth is not None else project.max_growth,
            max_peak_growth=self.max_peak_growth if self.max_peak_growth is not None else project.max_peak_growth,
            ignore=self.ignore,
        )


def _first(given: int | None, of_project: int | None, default: int) -> int:
    return given if given is not None else of_project if of_project is not None else default
