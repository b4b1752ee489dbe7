"""Steps of the C heap that one call is too small to show: a look beyond the measured iterations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool, twenty_times

HEAD = """
import ctypes, os, random, time, tracemalloc
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
numbers = random.Random(3)
blocks, calls = [], [0]
def work():
    calls[0] += 1
    for address in blocks:
        libc.free(address)
    blocks[:] = [libc.malloc(numbers.randint(100, 3000)) for _ in range(10)]
"""

SCENARIOS = {
    "leaks": "def run():\n    work()\n    libc.malloc(512)\n",
    "clean": "def run():\n    work()\n",
    "quiet": "def run():\n    libc.free(libc.malloc(512))\n",
    "takes long": "def run():\n    work()\n    time.sleep(0.06)\n",
    "asynchronous": "async def run():\n    work()\n    libc.malloc(512)\n",
    "raises": "def run():\n    work()\n    if calls[0] > 40: raise LookupError('enough')\n",
    "hangs": "def run():\n    work()\n    if calls[0] > 40: time.sleep(60)\n",
    "exits": "def run():\n    work()\n    if calls[0] > 40: os._exit(7)\n",
    "stops tracing": "def run():\n    work()\n    if calls[0] > 40: tracemalloc.stop()\n",
}


def looking(name: str, *options: str) -> Callable[[Tool], Done]:
    """One scenario, measured 20 times after 3 warm-ups."""
    return twenty_times(HEAD + SCENARIOS[name], *options, hangs=name == "hangs")


CASES = {
    **{name: looking(name) for name in SCENARIOS},
    "switched off": looking("leaks", "--no-follow-up"),
    "in process": looking("clean", "--in-process"),
}


def looked(together: Together, name: str) -> Done:
    """How a case ended: with exactly the iterations that were asked for, whatever was called after them."""
    done = together("wider looks", name, CASES)
    assert done.result.failure is None
    assert done.errors == ["ok"] * 20
    return done


@pytest.mark.parametrize("name", ["leaks", "asynchronous"])
def test_a_leak_that_no_single_step_shows_is_found(together: Together, name: str) -> None:
    """512 bytes that malloc makes 528, under noise of ten times that: a native leak of that size, and status 1."""
    done = looked(together, name)
    assert (done.status, done.result.verdict.state) == (1, "native-leak")
    assert done.result.growth.native is not None
    assert done.result.growth.native.bytes_per_iteration == pytest.approx(528, rel=0.1)
    assert done.result.batched_readings is not None
    assert done.result.batched_readings.readings == 20
    assert done.result.batched_readings.calls >= 16
    assert done.stderr.count("calls apart") == 1


def test_the_same_noise_without_a_leak_is_stable(together: Together) -> None:
    """The look is made, finds nothing, and says so by what it leaves out: little could still hide."""
    done = looked(together, "clean")
    assert (done.status, done.result.verdict.state) == (0, "stable")
    assert done.result.batched_readings is not None
    assert done.result.batched_readings.problem is None


@pytest.mark.parametrize("name", ["switched off", "takes long"])
def test_where_nothing_more_is_called_the_report_says_what_may_hide(together: Together, name: str) -> None:
    """``--no-follow-up``, and calls that take too long to be repeated: stable, with the growth that would not show."""
    done = looked(together, name)
    assert (done.status, done.result.verdict.state, done.result.batched_readings) == (0, "stable", None)
    assert "would not show" in done.text
    assert "calls apart" not in done.stderr


@pytest.mark.parametrize("name", ["quiet", "in process"])
def test_nothing_is_looked_for_where_nothing_can_hide(together: Together, name: str) -> None:
    """A quiet C heap, and one that cannot be read because the tool's own memory is in it."""
    done = looked(together, name)
    assert (done.status, done.result.verdict.state, done.result.batched_readings) == (0, "stable", None)
    assert "would not show" not in done.text


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("raises", "LookupError: enough"),
        ("hangs", "Timeout: did not end within 5 s"),
        ("exits", "Exit: the process ended itself with status 7"),
        ("stops tracing", "Untraced: the scenario stopped or cleared tracemalloc"),
    ],
)
def test_a_look_that_fails_changes_nothing(together: Together, name: str, problem: str) -> None:
    """What happens after the last measured iteration does not fail the run; the verdict says what was not looked for."""
    done = looked(together, name)
    assert (done.status, done.result.verdict.state) == (0, "stable")
    assert done.result.batched_readings is not None
    assert done.result.batched_readings.problem == problem
    assert problem in done.text
