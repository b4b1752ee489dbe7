"""How the scenario is called: from outside of an event loop, or from inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from . import iterate
from .iterate import Outcome


class Caller:
    """How the scenario is called: from outside of an event loop, or from inside."""

    async def call(self, func: Callable[[], object]) -> Outcome:
        """Call the function once; what it raised is in the outcome."""
        raise NotImplementedError

    async def run_what_is_ready(self) -> None:
        """Give every callback that is ready its turn."""
        raise NotImplementedError


class Blocking(Caller):
    """From outside: these coroutines never suspend, so ``drive`` can run them without a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def call(self, func: Callable[[], object]) -> Outcome:  # noqa: D102 - as in Caller
        return iterate.call(func, self._loop)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        self._loop.run_until_complete(iterate.run_what_is_ready())


class Running(Caller):
    """From inside the running loop."""

    async def call(self, func: Callable[[], object]) -> Outcome:  # noqa: D102 - as in Caller
        return await iterate.call_in_loop(func)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        await iterate.run_what_is_ready()


def drive(steps: Coroutine[object, object, bool | None]) -> bool:
    """Run a coroutine that never suspends."""
    try:
        steps.send(None)
    except StopIteration as stop:
        return bool(stop.value)
    raise RuntimeError("suspended outside of a running event loop")
