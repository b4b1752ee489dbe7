"""Targets: the ways to name them, the functions that are called, and their hooks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool

KINDS = '''
import functools, json, os
from dataclasses import dataclass
from typing import Callable, Optional

L = []
WORK = []

def work():
    WORK.append(None)
    L.append(bytearray(10_000))

def plain(): work()
async def coroutine(): work()
async def events():
    for _ in range(3): yield _
    work()
def numbers():
    for _ in range(3): yield _
    work()
def returns_coroutine(): return coroutine()
def returns_async_generator(): return events()
def returns_generator(): return numbers()
async def async_returns_async_generator(): return events()
async def async_returns_generator(): return numbers()
async def async_returns_coroutine(): return coroutine()

class Stream:
    """Neither a generator nor a coroutine, as the streams of client libraries."""
    def __init__(self): self.left = 3
    def __aiter__(self): return self
    async def __anext__(self):
        if not self.left:
            work()
            raise StopAsyncIteration
        self.left -= 1
        return self.left
class Awaitable:
    def __await__(self):
        work()
        return iter(())
def returns_stream(): return Stream()
async def async_returns_stream(): return Stream()
def returns_awaitable(): return Awaitable()

class Agent:
    class Inner:
        @staticmethod
        def step(): work()
    def method(self): work()
    async def amethod(self): work()
    @classmethod
    def clsmethod(cls): work()
    def __call__(self): work()
class AsyncAgent:
    async def __call__(self): work()
AGENT = Agent()
ASYNC_AGENT = AsyncAgent()
bound = AGENT.method
async_bound = AGENT.amethod
partial = functools.partial(lambda times: work(), 3)
async_partial = functools.partial(coroutine)
partial_of_partial = functools.partial(functools.partial(events))
returned = lambda: work()
@functools.wraps(plain)
def decorated(*args, **kwargs): return plain(*args, **kwargs)
@functools.lru_cache(maxsize=0)
def cached(): work()
@dataclass
class Foreign:
    """As agno's: the same fields, and none of ours."""
    func: Callable
    name: Optional[str] = None
    num_iterations: int = 6
    warmup_runs: Optional[int] = 2
    top_n_memory_allocations: int = 5
    debug_mode: bool = False
FOREIGN = Foreign(coroutine, name="as agno has it")
UNNAMED = Foreign(events)
'''

CALLED = [
    "plain",
    "coroutine",
    "events",
    "numbers",
    "returns_coroutine",
    "returns_async_generator",
    "returns_generator",
    "async_returns_async_generator",
    "async_returns_generator",
    "async_returns_coroutine",
    "returns_stream",
    "async_returns_stream",
    "returns_awaitable",
    "AGENT.method",
    "AGENT.amethod",
    "Agent.clsmethod",
    "Agent.Inner.step",
    "AGENT",
    "ASYNC_AGENT",
    "bound",
    "async_bound",
    "partial",
    "async_partial",
    "partial_of_partial",
    "returned",
    "decorated",
    "cached",
    "FOREIGN",
    "UNNAMED",
]


def calling(names: list[str]) -> Callable[[Tool], Done]:
    """Return a run of these kinds from a package, one after the other."""

    def run(tool: Tool) -> Done:
        tool.write("agents/__init__.py", "")
        tool.write("agents/kinds.py", KINDS)
        return tool.run(*[f"agents.kinds:{name}" for name in names], "--iterations", "6", "--warmup", "2")

    return run


@pytest.mark.parametrize("name", CALLED)
def test_function_of_any_kind_is_called_once_per_iteration(together: Together, name: str) -> None:
    """A generator, a coroutine or another iterable that the function returns is used up: its last line is reached."""
    half = len(CALLED) // 2
    parts = {"first": CALLED[:half], "second": CALLED[half:]}
    part = "first" if name in parts["first"] else "second"
    done = together("kinds", part, {name: calling(names) for name, names in parts.items()})
    assert done.status == 1, done.text
    result = done.runs[parts[part].index(name)]
    assert [iteration.status for iteration in result.iterations] == ["ok"] * 8
    assert result.verdict.state == "leaking"
    assert result.sites[0].file == "agents/kinds.py"
    assert result.sites[0].function == "work"
    work = next(holder for holder in result.holders if holder.path == "agents.kinds.WORK")
    assert (work.length, work.items_per_iteration) == (8, 1)
    expected = {"FOREIGN": "as agno has it", "UNNAMED": "events"}.get(name, name)
    assert result.eval.name == expected
    assert result.run.target == f"agents.kinds:{name}"


TEXTS = {
    "agents.run_module": ("agents.run_module", "agents.run_module:run"),
    "agents.run_module:run": ("agents.run_module", "agents.run_module:run"),
    "agents/run_module.py": ("run_module", "agents/run_module.py:run"),
    "agents/run_module.py:run": ("run_module", "agents/run_module.py:run"),
    "./agents/run_module.py": ("run_module", "./agents/run_module.py:run"),
    "agents.run_module:other": ("other", "agents.run_module:other"),
    "json.py": ("json_scenario", "json.py:run"),
    "csv.py": ("csv_scenario", "csv.py:run"),
    "odd name-1.py": ("odd name-1", "odd name-1.py:run"),
    "sibling.py": ("sibling", "sibling.py:run"),
    "deep/sibling.py": ("sibling", "deep/sibling.py:run"),
    "ünïcode.py": ("ünïcode", "ünïcode.py:run"),
}


def named(text: str) -> Callable[[Tool], Done]:
    """Return a run of the target with this text."""
    leak = "L = []\ndef run(): L.append(bytearray(10_000))\nother = run\n"

    def run(tool: Tool) -> Done:
        tool.write("agents/__init__.py", "")
        tool.write("agents/run_module.py", leak)
        for name in ("json.py", "csv.py", "odd name-1.py", "ünïcode.py"):
            if name == text:
                tool.write(name, leak)
        for folder in ("", "deep/"):
            tool.write(f"{folder}helper.py", "L = []\n")
            tool.write(f"{folder}sibling.py", "from helper import L\ndef run(): L.append(bytearray(10_000))\n")
        return tool.run(text, "--iterations", "5", "--warmup", "1")

    return run


@pytest.mark.parametrize("text", list(TEXTS))
def test_target_is_found_by_its_text(together: Together, text: str) -> None:
    """Modules and files are found with and without a name; a file named like a module of the standard library hides
    nothing.
    """
    done = together("texts", text, {target: named(target) for target in TEXTS})
    name, target = TEXTS[text]
    assert done.status == 1, done.text
    assert done.result.eval.name == name
    assert done.result.run.target == target
    assert done.result.verdict.state == "leaking"
    module = {"agents.run_module:other": "agents.run_module"}.get(text, name)
    assert done.result.holders[0].path == f"{module}.L"


def test_absolute_path_puts_its_folder_on_the_import_path(tool: Tool) -> None:
    """A file in another folder is named by its full path."""
    path = tool.write("elsewhere/scenario.py", "from beside import L\ndef run(): L.append(bytearray(10_000))\n")
    tool.write("elsewhere/beside.py", "L = []\n")
    done = tool.run(str(path), "--iterations", "5", "--warmup", "1")
    assert done.result.verdict.state == "leaking"
    assert done.result.sites[0].file == "elsewhere/scenario.py"


EVALS = """
    import os
    from otel_memeval import PerformanceEval
    from shared import IMPORTED
    def first(): print("first in", os.getpid()); return len(bytearray(100_000))
    async def second(): print("second in", os.getpid()); return len(bytearray(100_000))
    def run(): raise AssertionError("there are evals")
    SECOND = PerformanceEval(second, name="two", num_iterations=2, warmup_runs=0, max_iterations=2)
    FIRST = PerformanceEval(first, name="one", num_iterations=3, warmup_runs=1, max_iterations=3, max_growth="1MiB")
    _HIDDEN = PerformanceEval(first, name="hidden")
    THIRD = PerformanceEval(first, num_iterations=1, warmup_runs=None, max_iterations=1, eval_id="E3", model_id="m")
"""


@pytest.mark.parametrize("target", ["evals", "evals.py"])
def test_every_eval_of_a_module_is_measured(tool: Tool, target: str) -> None:
    """Each eval that a module defines has a process of its own, in order; imported evals and ``run`` are left out."""
    tool.write(
        "shared.py",
        "from otel_memeval import PerformanceEval\ndef work(): raise OSError\nIMPORTED = PerformanceEval(work)\n",
    )
    tool.write("evals.py", EVALS)
    done = tool.run(target, "--fail-on", "never", "-v")
    assert done.status == 0, done.text
    assert [(run.eval.name, run.eval.iterations, run.eval.warmup) for run in done.runs] == [
        ("two", 2, 0),
        ("one", 3, 1),
        ("first", 1, 0),
    ]
    assert [len(run.iterations) for run in done.runs] == [2, 4, 1]
    assert [run.run.target for run in done.runs] == [f"{target}:SECOND", f"{target}:FIRST", f"{target}:THIRD"]
    assert done.runs[1].eval.limits.max_growth_bytes == 1 << 20
    assert (done.runs[2].eval.eval_id, done.runs[2].eval.model_id) == ("E3", "m")
    processes = {line for line in done.stderr.splitlines() if " in " in line}
    assert len({line.rpartition(" ")[2] for line in processes}) == 3
    assert len({run.run.id for run in done.runs}) == 3


def test_eval_after_a_failed_eval_is_measured(tool: Tool) -> None:
    """A crash ends only its own eval; the status is that of the failure."""
    tool.write(
        "evals.py",
        "import os\nfrom otel_memeval import PerformanceEval as E\ndef work(): return len(bytearray(100_000))\n"
        "A = E(lambda: os._exit(3), num_iterations=2, warmup_runs=0)\nB = E(work, num_iterations=2, warmup_runs=0)\n",
    )
    done = tool.run("evals.py", "--fail-on", "never", "--max-iterations", "2")
    assert done.status == 3
    assert [[iteration.status for iteration in run.iterations] for run in done.runs] == [["error"], ["ok", "ok"]]


HOOKS = """
    import asyncio
    SEEN = []
    {kind} setup(): SEEN.append(("setup", {loop})); print("1 set up")
    {kind} describe(): print("2 describe"); return "against a model\\nand a database"
    {kind} run():
        SEEN.append(("run", {loop})); del SEEN[2:]
        assert SEEN[0][1] is SEEN[1][1]
        return len(bytearray(100_000))
    {kind} teardown(): assert SEEN[0][1] is {loop}; print("3 torn down")
"""


@pytest.mark.parametrize(("kind", "loop"), [("def", "None"), ("async def", "asyncio.get_running_loop()")])
@pytest.mark.parametrize("where", [[], ["--in-process"]])
def test_hooks_of_a_module_are_called_in_order(tool: Tool, kind: str, loop: str, where: list[str]) -> None:
    """``setup``, ``describe``, ``run`` and ``teardown`` are called in one event loop."""
    done = tool.measure(HOOKS.format(kind=kind, loop=loop), "--fail-on", "never", *where)
    assert done.status == 0, done.text
    assert done.errors == ["ok"] * 5
    assert done.result.run.description == "against a model and a database"
    assert "against a model and a database" in done.stdout.splitlines()[0 if not where else 3]
    printed = [part for part in ("1 set up", "2 describe", "3 torn down") if part in done.text]
    assert printed == ["1 set up", "2 describe", "3 torn down"]
    places = [done.text.index(part) for part in printed]
    assert places == sorted(places)


def test_hooks_of_an_eval_replace_those_of_its_module(tool: Tool) -> None:
    """The eval's own hooks are called, and the module's functions of these names are not."""
    done = tool.measure(
        """
        from otel_memeval import PerformanceEval
        def setup(): raise AssertionError
        teardown = describe = setup
        def work(): return len(bytearray(100_000))
        EVAL = PerformanceEval(work, setup=lambda: print("eval's set up"), teardown=lambda: print("eval's tear down"))
        """,
        "--fail-on",
        "never",
    )
    assert done.status == 0, done.text
    assert "eval's set up" in done.stderr
    assert "eval's tear down" in done.stderr


@pytest.mark.parametrize(("limit", "iterations"), [("3", 3), ("25", 20), ("1", 2)])
def test_undecided_eval_is_extended_to_max_iterations(tool: Tool, limit: str, iterations: int) -> None:
    """Without ``--iterations`` an undecided eval continues until it is decided, at most to ``--max-iterations``."""
    tool.write(
        "scenario.py",
        "from otel_memeval import PerformanceEval\nL = []\ndef work(): L.append(bytearray(1000))\n"
        "EVAL = PerformanceEval(work, num_iterations=2, warmup_runs=0)\n",
    )
    done = tool.run("scenario.py", "--max-iterations", limit, "--fail-on", "never")
    assert 2 <= len(done.result.iterations) <= iterations
    if limit != "25":
        assert len(done.result.iterations) == iterations
    else:
        assert done.result.verdict.state == "leaking"
    assert ("extended to" in done.stderr) == (iterations > 2)
