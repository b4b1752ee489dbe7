"""The first line named is the one to change: a look beyond the measured iterations, where a library allocated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_memeval.records import Result
from tests.cli.conftest import Done, Together, Tool, twenty_times
from tests.cli.test_interpreters import PYTHONS, measure_in

HEAD = """
import functools, json, os, sys, threading, time, tracemalloc
sys.path.append("site-packages")
import lib
KEPT = []
CALLS = []
def parse():
    return json.loads('{"id": "%d", "text": "%s"}' % (len(CALLS), "x" * 700))
"""

LIBRARY = """
import threading
KEPT = []
GO, DONE = threading.Semaphore(0), threading.Semaphore(0)
def deep(depth, call):
    return call() if depth == 0 else deep(depth - 1, call)
def make():
    return bytearray(1000)
def keep_in_background():
    while True:
        GO.acquire()
        KEPT.append(bytearray(1000))
        DONE.release()
threading.Thread(target=keep_in_background, daemon=True).start()
"""

SCENARIOS = {
    "no bytes": "def run():\n    KEPT.append(None)\n",
    "noisy": "SLOT = []\ndef run():\n    CALLS.append(0)\n    for size in (len(CALLS) * 7919 % 20011, 999):\n"
        "        block = bytearray(size)\n        SLOT[:] = [block]\n    KEPT.append(block)\n",
    "beside a cache": "@functools.lru_cache(maxsize=64)\ndef page(number):\n    return bytearray(8000)\n"
        "def run():\n    CALLS[:] = [len(KEPT)]\n    page(len(KEPT))\n    KEPT.append(bytes(256))\n",
    "two lists": "LARGE = []\ndef run():\n    KEPT.append(bytes(100))\n    LARGE.append(bytes(1000))\n",
    "plain": "def run():\n    CALLS.append(0)\n"
        "    KEPT.append(parse())\n    KEPT.append(json.loads('[\"%s\"]' % ('y' * 99)))\n",
    "kept aside": "def run():\n    CALLS[:] = [parse()]\n"
        "    KEPT.append(json.loads('[\"%s\"]' % ('y' * 99)))\n",
    "every third": "def run():\n    CALLS.append(0)\n"
        "    if len(CALLS) % 3 == 0:\n        KEPT.append(json.loads('[1.5]'))\n",
    "far away": "def run():\n    KEPT.append(lib.deep(30, lib.make))\n",
    "own thread": "def run():\n    lib.GO.release()\n    lib.DONE.acquire()\n",
    "own line": "def run():\n    KEPT.append(bytearray(1000))\n",
    "asynchronous": "async def keep():\n    KEPT.append(json.loads('[1.5]'))\n"
        "async def run():\n    await keep()\n",
    "raises": "def run():\n    CALLS.append(0)\n"
        "    if len(CALLS) > 24: raise LookupError('enough')\n    KEPT.append(json.loads('[1.5]'))\n",
    "hangs": "def run():\n    CALLS.append(0)\n"
        "    if len(CALLS) > 24: time.sleep(60)\n    KEPT.append(json.loads('[1.5]'))\n",
    "exits": "def run():\n    CALLS.append(0)\n"
        "    if len(CALLS) > 24: os._exit(7)\n    KEPT.append(json.loads('[1.5]'))\n",
    "stops tracing": "def run():\n    CALLS.append(0)\n"
        "    if len(CALLS) > 24: tracemalloc.stop()\n    KEPT.append(json.loads('[1.5]'))\n",
}  # fmt: skip


def looking(name: str, *options: str) -> Callable[[Tool], Done]:
    """One scenario, measured 20 times after 3 warm-ups."""
    run = twenty_times(HEAD + SCENARIOS[name], *options, hangs=name == "hangs")

    def with_library(tool: Tool) -> Done:
        tool.write("site-packages/lib.py", LIBRARY)
        return run(tool)

    return with_library


CASES = {
    **{name: looking(name) for name in SCENARIOS},
    "switched off": looking("plain", "--no-follow-up"),
    "in process": looking("plain", "--in-process"),
}


def looked(together: Together, name: str) -> Done:
    """How a case ended: leaking in any case, with exactly the iterations that were asked for."""
    done = together("looks", name, CASES)
    assert done.status == 1, done.text
    assert done.result.verdict.state == "leaking"
    assert done.result.failure is None
    assert done.errors == ["ok"] * 20
    return done


def line_of(name: str, text: str) -> int:
    """Where this text stands in a scenario's file."""
    lines = (HEAD + SCENARIOS[name]).split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def first(result: Result) -> tuple[str, int, str]:
    """Return the line that is named first."""
    return result.sites[0].file, result.sites[0].line, result.sites[0].function


@pytest.mark.parametrize(
    ("name", "text", "function"),
    [
        ("plain", "json.loads('{", "parse"),
        ("kept aside", "json.loads('[", "run"),
        ("every third", "json.loads('[", "run"),
        ("far away", "lib.deep", "run"),
        ("asynchronous", "json.loads('[", "keep"),
    ],
)
def test_the_scenarios_line_goes_before_the_librarys(together: Together, name: str, text: str, function: str) -> None:
    """The line that called is named, whose bytes are those measured on the library's; that one stands beside it."""
    result = looked(together, name).result
    assert first(result) == ("scenario.py", line_of(name, text), function)
    assert result.sites[0].allocated_at[0].file in ("json/decoder.py", "site-packages/lib.py", "lib.py")
    assert f"scenario.py:{line_of(name, text)}" in result.verdict.summary
    assert result.caller_attribution is not None
    assert result.caller_attribution.problem is None
    expected = {"every third": (8, 12), "far away": (8, 60)}.get(name, (4, 12))
    assert (result.caller_attribution.iterations, result.caller_attribution.frames) == expected


def test_two_callers_of_one_library_line_are_told_apart(together: Together) -> None:
    """What a single line of the library kept is divided between both lines that called it, and adds up to the whole."""
    result = looked(together, "plain").result
    off = looked(together, "switched off").result
    assert [site.line for site in result.sites[:2]] == [line_of("plain", "json.loads('{"), line_of("plain", "json.loads('[")]
    assert sum(site.bytes_per_iteration for site in result.sites) == pytest.approx(
        sum(site.bytes_per_iteration for site in off.sites), rel=1e-3
    )
    assert result.sites[0].bytes_per_iteration > 700 > 400 > result.sites[1].bytes_per_iteration > 150


@pytest.mark.parametrize(("name", "text"), [("no bytes", "KEPT.append"), ("noisy", "bytearray(size)")])
def test_a_container_tells_the_line_that_no_series_shows(together: Together, name: str, text: str) -> None:
    """A list of one object again and again, and a leak on a line that makes more noise than it keeps: the line is named."""
    result = looked(together, name).result
    assert first(result) == ("scenario.py", line_of(name, text), "run")
    assert result.holders[0].path == "scenario.KEPT"
    if name == "noisy":
        assert result.growth.retained is not None
        assert result.growth.retained.bytes_per_iteration == pytest.approx(1056, rel=0.05)


def test_a_leak_beside_a_bounded_cache_is_told_apart(together: Together) -> None:
    """The smaller line that leaks goes before the larger one that fills a bounded cache, and so do their containers."""
    result = looked(together, "beside a cache").result
    assert first(result)[1] == line_of("beside a cache", "bytes(256)")
    caching = next(site for site in result.sites if site.line == line_of("beside a cache", "bytearray(8000)"))
    assert (caching.bounded, result.sites[0].bounded) == (True, False)
    assert caching.bytes_per_iteration > 8000
    kept = float(result.verdict.summary.partition("keeps ")[2].partition(" B more")[0])
    assert 280 < kept < 500
    assert [holder.path for holder in result.holders] == ["scenario.KEPT", "scenario.page"]


def test_the_container_that_takes_most_goes_first(together: Together) -> None:
    """Both gain one item an iteration; their items' bytes decide, and are told."""
    result = looked(together, "two lists").result
    assert [holder.path for holder in result.holders] == ["scenario.LARGE", "scenario.KEPT"]
    assert [holder.bytes_per_iteration for holder in result.holders] == [1033, 133]


def test_the_terminal_says_in_one_line_that_there_is_more(together: Together) -> None:
    """The look is told while it is made, once, and not in the report."""
    done = looked(together, "plain")
    assert done.stderr.count("4 more iterations, not measured") == 1
    assert "more iterations" not in done.stdout
    assert "through json/__init__.py:" in done.text


def test_nothing_more_is_called_when_it_is_switched_off(together: Together) -> None:
    """``--no-follow-up``, ``--in-process`` and a leak in the scenario's own line: no look, and the line as it was read."""
    for name in ("switched off", "in process"):
        result = looked(together, name).result
        assert result.caller_attribution is None
        assert first(result)[0] == "json/decoder.py"
        assert "more iterations" not in looked(together, name).stderr
    own = looked(together, "own line").result
    assert own.caller_attribution is None
    assert first(own) == ("scenario.py", line_of("own line", "bytearray"), "run")


def test_a_librarys_own_thread_keeps_its_line(together: Together) -> None:
    """No line of the scenario's called it: the library's stays first."""
    result = looked(together, "own thread").result
    assert result.sites[0].function == "keep_in_background"
    assert result.sites[0].allocated_at == []
    assert result.caller_attribution is not None
    assert result.caller_attribution.problem is None


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
    """What happens after the last measured iteration does not fail the run: the first line stays, and the reason is told."""
    done = looked(together, name)
    assert done.result.caller_attribution is not None
    assert (done.result.caller_attribution.iterations, done.result.caller_attribution.problem) == (2, problem)
    assert first(done.result)[0] == "json/decoder.py"
    assert done.result.verdict.reasons[-1].endswith(problem)
    assert problem in done.text


def test_code_beside_an_installed_target_is_the_users(tool: Tool) -> None:
    """A scenario that a package ships: that package's lines are named, other packages' are not."""
    tool.write("site-packages/lib.py", LIBRARY)
    tool.write("site-packages/agents/__init__.py", "")
    tool.write("site-packages/agents/store.py", "import lib\nKEPT = []\ndef keep():\n    KEPT.append(lib.make())\n")
    source = "import sys\nsys.path.insert(0, 'site-packages')\nfrom agents import store\ndef run():\n    store.keep()\n"
    tool.write("site-packages/agents/evals.py", source)
    done = tool.run("site-packages/agents/evals.py", "--iterations", "10", "--warmup", "2")
    assert done.status == 1, done.text
    assert first(done.result) == ("site-packages/agents/store.py", 4, "keep")


WITH_JSON = HEAD.replace('sys.path.append("site-packages")\nimport lib\n', "") + SCENARIOS["plain"]


@pytest.mark.parametrize("name", list(PYTHONS))
def test_every_interpreter_names_the_line(together: Together, name: str) -> None:
    """The look reads the traces of each supported version alike."""
    cases = {name: measure_in(python, WITH_JSON, "scenario.py:run") for name, python in PYTHONS.items()}
    done = together("looks in pythons", name, cases)
    assert done.result.sites[0].function == "parse"
    assert done.result.sites[0].allocated_at[0].function == "JSONDecoder.raw_decode"


def test_the_signature_stays_when_the_checkout_moves_and_lines_shift(tool: Tool) -> None:
    """The same leak in another process, in another folder, under more lines has the same signature; another line has not."""
    seen = set()
    for folder, above in (("one", ""), ("two", "\n\nimport this\n")):
        tool.write(f"{folder}/scenario.py", above + WITH_JSON)
        wrapper = ("sh", "-c", f'cd {folder} && exec "$@"', "sh")
        done = tool.run("scenario.py", "--iterations", "8", "--warmup", "2", wrapper=wrapper)
        seen.add(tuple((site.function, site.signature) for site in done.result.sites[:2]))
    assert len(seen) == 1
    (signatures,) = seen
    assert {function for function, _ in signatures} == {"parse", "run"}
    assert len({signature for _, signature in signatures}) == 2
