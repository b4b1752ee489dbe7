"""Measure a function in the process of the test: its result, its failure text and its line in the summary."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import cast

import msgspec
import pytest

from otel_memeval.config import Settings, for_measuring, process_secrets, with_secrets
from otel_memeval.errors import MemevalError, UsageError
from otel_memeval.pytest_plugin.arguments import MarkerArguments
from otel_memeval.pytest_plugin.failure_text import failure_text, summary_line
from otel_memeval.pytest_plugin.recordings import Recordings, recordings
from otel_memeval.records import Result
from otel_memeval.run.in_process import arun_in_process, run_in_process
from otel_memeval.run.result import passes

_SETTINGS = pytest.StashKey[Settings]()
_MEASURING = pytest.StashKey[bool]()


class _RepeatedCall:
    """The function of an iteration. Keeps the exception of the call that raised, with its traceback.

    ``func`` and ``args`` are those of a ``functools.partial``: the harness reads the code of the function inside.
    """

    def __init__(self, func: Callable[[], object], records: Recordings) -> None:
        self.func = func
        self.args = ()
        self.__module__: str = getattr(getattr(func, "func", func), "__module__", None) or "__main__"
        self._records = records
        self.error: BaseException | None = None

    def __call__(self) -> object:
        self._records.cut()
        try:
            value = self.func()
        except BaseException as error:
            self.error = error
            raise
        return self._awaited(cast("Awaitable[object]", value)) if hasattr(type(value), "__await__") else value

    async def _awaited(self, value: Awaitable[object]) -> object:
        try:
            return await value
        except BaseException as error:
            self.error = error
            raise


class Measurement:
    """One measurement of a function, for a test.

    ``item``: the test. Raises ``UsageError`` for arguments that cannot be used, and inside of another measurement.
    """

    def __init__(self, item: pytest.Item, func: Callable[[], object], name: str, arguments: MarkerArguments) -> None:
        self._item = item
        self._func = func
        self._settings = _settings(item.config)
        self._evaluation = functools.partial(arguments.evaluation, name=name, project=self._settings.project)
        self._fail_on = arguments.fail_on_states(self._settings.project)
        self._shown_name = "" if name == item.name else name
        self._result: Result | None = None

    def run(self) -> None:
        """Measure outside of a running event loop. Raises the exception of the function, and ``MemevalError``."""
        __tracebackhide__ = True
        with recordings() as records, _Alone(self._item):
            call = _RepeatedCall(self._func, records)
            result = run_in_process(self._evaluation(call), self._settings)
        self._take(result, call)

    async def arun(self) -> None:
        """Measure in the running event loop; raises as ``run``."""
        __tracebackhide__ = True
        _require_asyncio()
        with recordings() as records, _Alone(self._item):
            call = _RepeatedCall(self._func, records)
            result = await arun_in_process(self._evaluation(call), self._settings)
        self._take(result, call)

    def _take(self, result: Result, call: _RepeatedCall) -> None:
        __tracebackhide__ = True
        error = call.error
        if error is not None and not isinstance(error, Exception):  # skipped, interrupted
            raise error
        self._item.user_properties.append(("memeval", summary_line(result, self._shown_name)))
        if error is not None:
            self._item.add_report_section("call", "memeval", _repeatable(result))
            raise error
        self._result = result

    def result(self) -> Result:
        """Return the result; fails the test if the function was not measured."""
        if self._result is None:
            pytest.fail("memeval: the function of the test did not return from its first call", pytrace=False)
        return self._result

    def judge(self) -> Result:
        """Return the result; fails the test, without a traceback, unless it passes."""
        result = self.result()
        if not passes(result, self._fail_on):
            pytest.fail(failure_text(result, self._settings.folder), pytrace=False)
        return result


class _Alone:
    """Refuses a measurement inside of another one."""

    def __init__(self, item: pytest.Item) -> None:
        self._stash = item.config.stash

    def __enter__(self) -> None:
        if self._stash.get(_MEASURING, False):
            remedy = "take the marker away, or measure with the marker only"
            raise UsageError("a test that has the marker memeval cannot use the fixture memeval too", remedy)
        self._stash[_MEASURING] = True

    def __exit__(self, *_: object) -> None:
        self._stash[_MEASURING] = False


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Fail the test in one line, without a traceback, where it cannot be measured."""
    __tracebackhide__ = True
    try:
        yield
    except MemevalError as error:
        text = str(error) if str(error).startswith("memeval") else f"memeval: {error}"
        raise pytest.fail.Exception(text, pytrace=False) from None


def _settings(config: pytest.Config) -> Settings:
    """Return the settings of the project, read once in a run, with the secrets of the environment as it is now."""
    if _SETTINGS not in config.stash:
        folder = str(config.invocation_params.dir)
        config.stash[_SETTINGS] = msgspec.structs.replace(for_measuring(), folder=folder)
    return with_secrets(config.stash[_SETTINGS], process_secrets())


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        remedy = 'with anyio: @pytest.mark.parametrize("anyio_backend", ["asyncio"])'
        raise UsageError("memeval measures async tests in an event loop of asyncio only", remedy) from None


def _repeatable(result: Result) -> str:
    """Return the place of the exception, and the demand that iterations make on a test."""
    done = sum(1 for iteration in result.iterations if iteration.status == "ok")
    if not done:
        return "raised in the first call of the test"
    return (
        f"raised in call {done + 1} of the test, after {done} without an exception. Fixtures are set up once for all calls: "
        "a test that is measured has to leave them as it found them."
    )
