"""A scenario runs in the event loop of its own program, and the result names a loop that is not asyncio's own."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool

LEAK = """
KEPT = []
async def run():
    {check}
    KEPT.append(bytearray(10_000))
    await asyncio.sleep(0.001)
    await asyncio.to_thread(sum, range(10))
"""
IN_UVLOOP = "assert type(asyncio.get_running_loop()).__module__ == 'uvloop'"
SUBCLASS = """
import asyncio
class Loop(asyncio.SelectorEventLoop): pass
class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self): return Loop()
asyncio.set_event_loop_policy(Policy())
"""
OWN_LOOP = """
import asyncio
class Loop(asyncio.SelectorEventLoop): pass
loop = Loop()
asyncio.set_event_loop(loop)
ready = loop.create_future()
ready.set_result(1)
"""
OF_ASYNCIO = ("none", "a policy of the module", "a loop that is set")
GEVENT = "asyncio with gevent.selectors.GeventSelector"

LOOPS = {
    "none": ("import asyncio\n" + LEAK.format(check="pass"), ""),
    "a policy of the module": (SUBCLASS + LEAK.format(check="pass"), "scenario.Loop"),
    "a loop that is set": (OWN_LOOP + LEAK.format(check="assert await ready"), "scenario.Loop"),
    "uvloop's policy": (
        "import asyncio, uvloop\nasyncio.set_event_loop_policy(uvloop.EventLoopPolicy())" + LEAK.format(check=IN_UVLOOP),
        "uvloop.Loop",
    ),
    "uvloop's policy in the set-up": (
        "import asyncio, uvloop\ndef setup(): asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())"
        + LEAK.format(check=IN_UVLOOP),
        "uvloop.Loop",
    ),
    "a factory of the module": (
        "import asyncio, uvloop\nloop_factory = uvloop.new_event_loop" + LEAK.format(check=IN_UVLOOP),
        "uvloop.Loop",
    ),
    "a factory of the eval": (
        "import asyncio, uvloop\nfrom otel_memeval import PerformanceEval"
        + LEAK.format(check=IN_UVLOOP)
        + "EVAL = PerformanceEval(run, warmup_runs=0, loop_factory=uvloop.new_event_loop)",
        "uvloop.Loop",
    ),
    "gevent's patches": (
        "from gevent import monkey\nmonkey.patch_all()\nimport asyncio" + LEAK.format(check="pass"),
        GEVENT,
    ),
    "gevent's patches in the set-up": (
        "import asyncio\ndef setup():\n    from gevent import monkey\n    monkey.patch_all()" + LEAK.format(check="pass"),
        GEVENT,
    ),
}


def measured(source: str, *options: str) -> Callable[[Tool], Done]:
    """Return a run of eight iterations."""
    return lambda tool: tool.measure(source, "--iterations", "8", "--timeout", "20", *options)


@pytest.mark.parametrize("name", list(LOOPS))
def test_scenario_runs_in_the_loop_of_its_program(together: Together, name: str) -> None:
    """The leak is found on each loop, with its bytes; the report names a loop that is not asyncio's own."""
    if sys.platform != "linux" and name not in OF_ASYNCIO:
        pytest.skip("uvloop and gevent are requirements on Linux only")
    done = together("loops", name, {name: measured(source) for name, (source, _) in LOOPS.items()})
    assert done.errors == ["ok"] * 8
    assert done.result.run.event_loop == LOOPS[name][1]
    assert ("event loop: " in done.text) == bool(LOOPS[name][1])
    assert done.result.verdict.state == "leaking"
    assert done.result.growth.retained is not None
    assert 10_000 <= done.result.growth.retained.bytes_per_iteration <= 10_200
    assert done.result.holders[0].path == "scenario.KEPT"


BROKEN = {
    "raises": ("def loop_factory(): raise ValueError('no loop')", 2, "ValueError: no loop (at scenario.py:1)"),
    "ends the process": ("import sys\ndef loop_factory(): sys.exit(5)", 2, "SystemExit: 5 (at scenario.py:2)"),
    "returns nothing": ("def loop_factory(): pass", 2, "an object of type NoneType, expected an event loop"),
    "is a text": ("loop_factory = 'uvloop'", 2, "module scenario: loop_factory is a str, expected a function"),
    "returns a loop that cannot run": (
        "import asyncio\nclass loop_factory(asyncio.SelectorEventLoop):\n    def run_forever(self): raise OSError('broken')",
        3,
        "OSError: event loop failed: broken",
    ),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_factory_that_makes_no_usable_loop_is_a_named_error(together: Together, name: str) -> None:
    """The error is one line with the reason, and nothing hangs."""
    cases = {name: measured(f"{source}\nasync def run(): pass\n") for name, (source, _, _) in BROKEN.items()}
    done = together("broken", name, cases)
    _, status, message = BROKEN[name]
    assert done.status == status
    assert message in done.text
    assert len(done.stderr.splitlines()) == 1 or status == 3


def test_sync_function_needs_no_loop_of_its_program(tool: Tool) -> None:
    """A program without sockets can make no loop; a function that does not need one is measured all the same."""
    source = "import socket\nsocket.socket = None\nKEPT = []\ndef run(): KEPT.append(bytearray(10_000))\n"
    done = measured(source)(tool)
    assert done.errors == ["ok"] * 8
    assert done.result.verdict.state == "leaking"


def test_variables_that_the_scenario_does_not_get_are_named(tool: Tool) -> None:
    """A removed variable and a changed one are named once; one that is as the scenario gets it is not."""
    source = "import os\ndef run(): assert 'MALLOC_PERTURB_' not in os.environ\n"
    given = {"MALLOC_PERTURB_": "165", "PYTHONTRACEMALLOC": "1", "PYTHONHASHSEED": "7", "PYTHONUNBUFFERED": "1"}
    done = tool.measure(source, environment=given)
    assert done.errors == ["ok"] * 5
    assert done.result.run.changed_variables == ["MALLOC_PERTURB_", "PYTHONHASHSEED", "PYTHONTRACEMALLOC"]
    text = "changed in the scenario's environment: MALLOC_PERTURB_, PYTHONHASHSEED, PYTHONTRACEMALLOC"
    assert done.text.count(text) == 1
