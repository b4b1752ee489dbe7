"""The event loop of the scenario is made as ``asyncio.Runner`` makes it, and named if it is not asyncio's own."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator

import pytest

from otel_memeval.worker.event_loop import ScenarioLoop, foreign_name
from otel_memeval.worker.target import TargetProblem


class OtherSelector(selectors.SelectSelector):
    """A selector of a package, as gevent's."""


class OtherLoop(asyncio.SelectorEventLoop):
    """A loop of a package, as uvloop's."""


class OtherPolicy(asyncio.DefaultEventLoopPolicy):
    """A policy of a package."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop of the package."""
        return OtherLoop()


@pytest.fixture(autouse=True)
def own_policy() -> Iterator[None]:
    """Give each test a policy of its own, without a loop."""
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(None)


def test_loop_is_made_by_the_policy_that_holds() -> None:
    """A loop of the policy is new each time, and closed at the end."""
    asyncio.set_event_loop_policy(OtherPolicy())
    made = ScenarioLoop()
    assert type(made.loop) is OtherLoop
    made.close()
    assert made.loop.is_closed()


def test_loop_that_the_scenario_set_is_taken_and_left_open() -> None:
    """Objects that the scenario made on import may belong to that loop; a closed loop is not taken."""
    set_by_scenario = OtherLoop()
    asyncio.set_event_loop(set_by_scenario)
    made = ScenarioLoop()
    assert made.loop is set_by_scenario
    made.close()
    assert not set_by_scenario.is_closed()
    set_by_scenario.close()
    new = ScenarioLoop()
    assert new.loop is not set_by_scenario
    new.close()


def test_factory_comes_before_the_loop_that_is_set() -> None:
    """The factory is called once."""
    set_by_scenario = asyncio.new_event_loop()
    asyncio.set_event_loop(set_by_scenario)
    made = ScenarioLoop(OtherLoop)
    assert type(made.loop) is OtherLoop
    assert not made.is_outdated()
    made.close()
    set_by_scenario.close()


@pytest.mark.parametrize("returned", [None, "uvloop", object()])
def test_factory_that_makes_no_loop_is_a_named_problem(returned: object) -> None:
    """The problem has the type of the object."""
    with pytest.raises(TargetProblem, match=f"type {type(returned).__name__}, expected an event loop"):
        ScenarioLoop(lambda: returned)


def test_closed_loop_of_a_factory_is_a_named_problem() -> None:
    """Nothing could run in it."""
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(TargetProblem, match="a closed event loop"):
        ScenarioLoop(lambda: loop)


def test_loop_is_outdated_after_a_change_of_policy_loop_or_selectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-up that changes one of them gets a new loop; any other set-up keeps the loop."""
    made = ScenarioLoop()
    asyncio.set_event_loop(made.loop)
    assert not made.is_outdated()
    with monkeypatch.context() as patch:
        patch.setattr(selectors, "DefaultSelector", OtherSelector)
        assert made.is_outdated()
    other = OtherLoop()
    asyncio.set_event_loop(other)
    assert made.is_outdated()
    assert ScenarioLoop(None, made.loop).loop is other
    asyncio.set_event_loop(made.loop)
    asyncio.set_event_loop_policy(OtherPolicy())
    assert made.is_outdated()
    made.close()
    other.close()


def test_loop_until_now_is_not_taken_again() -> None:
    """It is the one that is set, because the tool has set it."""
    before = ScenarioLoop()
    asyncio.set_event_loop(before.loop)
    after = ScenarioLoop(None, before.loop)
    assert after.loop is not before.loop
    before.close()
    after.close()


def test_only_what_is_not_asyncios_own_is_named() -> None:
    """A loop and a selector of another package are named, and each of them alone."""
    name = f"{__name__}.Other"
    loops = {
        "": asyncio.SelectorEventLoop(selectors.SelectSelector()),
        f"{name}Loop": OtherLoop(),
        f"asyncio with {name}Selector": asyncio.SelectorEventLoop(OtherSelector()),
        f"{name}Loop with {name}Selector": OtherLoop(OtherSelector()),
    }
    assert {foreign_name(loop) for loop in loops.values()} == set(loops)
    for expected, loop in loops.items():
        assert foreign_name(loop) == expected
        loop.close()


def test_selector_of_asyncio_is_not_named() -> None:
    """On Windows asyncio's usual loop has a selector of asyncio's own."""
    loop = asyncio.SelectorEventLoop(type("IocpProactor", (OtherSelector,), {"__module__": "asyncio.windows_events"})())
    assert foreign_name(loop) == ""
    loop.close()
