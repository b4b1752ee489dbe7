"""The fixture ``memeval``: measure a function inside of a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_memeval.errors import UsageError
from otel_memeval.pytest_plugin.arguments import MarkerArguments
from otel_memeval.pytest_plugin.measurement import Measurement
from otel_memeval.records import Result


class Memeval:
    """Measures functions for one test.

    The arguments of each method are a function without arguments, and those of the marker. An exception of the function is
    raised. Raises ``UsageError`` for arguments that cannot be used.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(self, func: Callable[[], object], **arguments: object) -> Result:
        """Measure a function, and return the result whatever its verdict is."""
        __tracebackhide__ = True
        measurement = self._prepare(func, arguments)
        measurement.run()
        return measurement.result()

    def check(self, func: Callable[[], object], **arguments: object) -> Result:
        """Measure a function, fail the test unless the result passes, and return the result."""
        __tracebackhide__ = True
        measurement = self._prepare(func, arguments)
        measurement.run()
        return measurement.judge()

    async def arun(self, func: Callable[[], object], **arguments: object) -> Result:
        """Measure a function in the running event loop; otherwise as the call of this object."""
        __tracebackhide__ = True
        measurement = self._prepare(func, arguments)
        await measurement.arun()
        return measurement.result()

    async def acheck(self, func: Callable[[], object], **arguments: object) -> Result:
        """Measure a function in the running event loop; otherwise as ``check``."""
        __tracebackhide__ = True
        measurement = self._prepare(func, arguments)
        await measurement.arun()
        return measurement.judge()

    def _prepare(self, func: Callable[[], object], arguments: dict[str, object]) -> Measurement:
        name = getattr(func, "__name__", type(func).__name__)
        given = MarkerArguments.of((), arguments)
        if not given.in_process:
            remedy = "give the test the marker: @pytest.mark.memeval(in_process=False)"
            raise UsageError("memeval: the fixture measures in the process of the test", remedy)
        return Measurement(self._item, func, name, given)
