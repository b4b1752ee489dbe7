"""A test with the marker ``memeval``: its function is replaced by one that measures it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction

import pytest

from otel_memeval.pytest_plugin.arguments import MarkerArguments
from otel_memeval.pytest_plugin.measurement import Measurement, refused_in_one_line


class MarkedTest:
    """Measures the function of a test, in the event loop that the test's own plugin runs it in.

    pytest, pytest-asyncio, anyio or unittest call the replaced function once, with the fixtures of the test.
    """

    def __init__(self, item: pytest.Function, marker: pytest.Mark) -> None:
        self._item = item
        self._marker = marker
        self._measurement: Measurement | None = None

    @contextmanager
    def replaced_function(self) -> Iterator[None]:
        """Have the test's function measured where it is called."""
        original = self._item.obj
        self._item.obj = self._async_function(original) if iscoroutinefunction(original) else self._function(original)
        try:
            yield
        finally:
            self._item.obj = original

    def judge(self) -> None:
        """Fail the test unless its result passes."""
        if self._measurement is None:
            pytest.fail("memeval: the function of the test was not called, so that nothing was measured", pytrace=False)
        self._measurement.judge()

    def _function(self, original: Callable[..., object]) -> Callable[..., None]:
        @functools.wraps(original)
        def measured(*args: object, **fixtures: object) -> None:
            __tracebackhide__ = True
            with refused_in_one_line():
                self._prepare(original, args, fixtures).run()

        return measured

    def _async_function(self, original: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(original)
        async def measured(*args: object, **fixtures: object) -> None:
            __tracebackhide__ = True
            with refused_in_one_line():
                await self._prepare(original, args, fixtures).arun()

        return measured

    def _prepare(
        self, original: Callable[..., object], args: tuple[object, ...], fixtures: dict[str, object]
    ) -> Measurement:
        arguments = MarkerArguments.of(self._marker.args, self._marker.kwargs)
        call = functools.partial(original, *args, **fixtures)
        self._measurement = Measurement(self._item, call, self._item.name, arguments)
        return self._measurement
