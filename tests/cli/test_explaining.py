"""``--explain``: types, reference chains and stacks of growth, with and without memray, without contents."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import pytest

from otel_memeval.records import Explanation
from tests.cli.conftest import Done, Together, Tool
from tests.cli.test_interpreters import FRESH, PYTHONS, measure_in

SCENARIO = """
import ctypes, json, os, sys
SESSIONS = {}
CALLS = []
NUMBERS = iter(range(1000, 9999))
SIZES = iter(range(100_000, 10_000_000, 100_000))
KEEP = ctypes.pythonapi.Py_IncRef
KEEP.argtypes = [ctypes.py_object]
STRDUP = ctypes.CDLL(None).strdup
STRDUP.restype = ctypes.c_void_p
class Session:
    def __init__(self, number):
        self.history = [json.loads('{"prompt": "my secret plan %d"}' % number)]
def leak():
    CALLS.append(0)
    SESSIONS["somebody's key %d" % len(CALLS)] = Session(len(CALLS))
    if os.environ.get("FAIL") and len(CALLS) > 14:
        raise LookupError("enough")
def lost():
    KEEP(bytearray(1000))
def lost_list():
    KEEP([0] * 100)
def bounded(cache=__import__("functools").lru_cache(maxsize=100)(lambda number: bytearray(1000))):
    cache(next(NUMBERS))
def native():
    STRDUP(b"x" * 3000)
def creep():
    return len(bytearray(next(SIZES)))
def calm():
    return len(bytearray(100_000))
"""

COUNTS = ("--iterations", "10", "--warmup", "3")


def explaining(name: str, *options: str, python: str = sys.executable, **environment: str) -> Callable[[Tool], Done]:
    """Return a run that explains one function of the scenario."""

    def run(tool: Tool) -> Done:
        tool.write("scenario.py", SCENARIO)
        options_ = ("--fail-on", "never", "--python", python, *COUNTS, *options)
        return tool.run(f"scenario.py:{name}", *options_, environment=environment)

    return run


CASES = {
    **{name: explaining(name, "--explain") for name in ("leak", "lost", "bounded", "native", "creep", "calm")},
    "lost list": explaining("lost_list", "--explain"),
    "not asked": explaining("leak"),
    "fails": explaining("leak", "--explain", FAIL="1"),
    "native without memray": measure_in(PYTHONS[FRESH], SCENARIO, "scenario.py:native", "--explain", *COUNTS),
    "creep without memray": measure_in(PYTHONS[FRESH], SCENARIO, "scenario.py:creep", "--explain", *COUNTS),
}


def explained(together: Together, name: str, state: str) -> Explanation:
    """Return the explanation; the verdict is the same as without it."""
    done = together("explained", name, CASES)
    assert done.status == 0, done.text
    assert done.result.verdict.state == state
    assert done.errors == ["ok"] * 10
    assert done.result.explanation is not None
    return done.result.explanation


def test_leak_has_types_chain_and_stacks(together: Together) -> None:
    """Objects by type, the reference chain to one of them, and the stacks that allocated them, down to the scenario's
    function.
    """
    found = explained(together, "leak", "leaking")
    rates = {found_type.type: found_type.objects_per_iteration for found_type in found.types}
    assert {"scenario.Session": 1, "dict": 1, "list": 1}.items() <= rates.items()
    assert rates["str"] >= 1
    assert sum(found_type.bytes_per_iteration for found_type in found.types) > 200
    assert found.chain[0].step in ("scenario.SESSIONS", "scenario.CALLS")
    assert found.chain[0].type in ("dict", "list")
    assert found.stacks
    assert all(stack.frames[-1].function == "leak" for stack in found.stacks)
    parsed = next(stack for stack in found.stacks if stack.frames[0].file == "json/decoder.py")
    assert [frame.function for frame in parsed.frames[-2:]] == ["Session.__init__", "leak"]
    assert (found.recorded_by, found.iterations, found.notes) == (["tracemalloc"], 4, [])


def test_terminal_shows_the_explanation_above_the_verdict(together: Together) -> None:
    """Types, reference chain and stacks are in the report."""
    explained(together, "leak", "leaking")
    text = together("explained", "leak", CASES).stdout
    assert (
        text.index("Types of retained objects")
        < text.index("References to a retained object")
        < text.index("per iteration, allocated by")
    )
    assert "json/decoder.py:" in text
    assert text.index("allocated by") < text.index("leak: leaking:")


@pytest.mark.parametrize("name", ["leak", "fails"])
def test_explanation_shows_no_contents(together: Together, name: str) -> None:
    """Keys and texts of the objects are neither on the terminal nor in the result."""
    explained(together, name, "leaking")
    done = together("explained", name, CASES)
    everything = f"{done.stdout} {done.stderr} {done.result}"
    assert "Session" in everything
    assert "secret plan" not in everything
    assert "somebody" not in everything


def test_unreachable_objects_have_a_note_instead_of_a_chain(together: Together) -> None:
    """Memory lost in C has stacks and a note; objects that the garbage collector tracks have types as well."""
    found = explained(together, "lost", "leaking")
    assert (found.types, found.chain) == ([], [])
    assert found.notes == ["no object that Python can find stayed: only C code can reach the memory, or nothing can"]
    assert found.stacks[0].frames[-1].function == "lost"
    found = explained(together, "lost list", "leaking")
    assert found.types[0].type == "list"
    assert found.chain == []
    assert found.notes == ["no module leads to the objects that stayed: a frame, a thread or C code keeps them"]


def test_bounded_cache_is_explained_only_on_request(together: Together) -> None:
    """A growing cache is explained with the option; without it no iteration is added."""
    found = explained(together, "bounded", "bounded")
    assert found.types[0].type == "bytearray"
    assert found.stacks[0].frames[0].function == "<module>" or "bounded" in found.stacks[0].frames[0].function


def test_native_growth_has_c_frames_with_memray(together: Together) -> None:
    """The C function and the scenario's line that called it are listed, innermost first, without frames of the tool."""
    assert importlib.util.find_spec("memray") is not None
    found = explained(together, "native", "native-leak")
    assert "memray" in found.recorded_by
    functions = [frame.function for frame in found.stacks[0].frames]
    assert any("strdup" in function for function in functions)
    assert functions[-1] == "native"
    assert found.stacks[0].bytes_per_iteration == pytest.approx(3001, rel=0.01)
    assert not any("otel_memeval" in frame.file for stack in found.stacks for frame in stack.frames)


def test_creep_is_explained_at_the_peak_with_memray(together: Together) -> None:
    """The memory that is in use at the peak of another iteration is listed by stack."""
    found = explained(together, "creep", "creeping")
    assert found.recorded_by == ["memray"]
    assert found.stacks[0].peak_bytes is not None
    assert found.stacks[0].peak_bytes > 1_400_000
    assert found.stacks[0].frames[-1].function == "creep"


@pytest.mark.parametrize(("name", "state"), [("native", "native-leak"), ("creep", "creeping")])
def test_missing_memray_is_named_in_a_note(together: Together, name: str, state: str) -> None:
    """One note says that memray gives the stacks, and in which interpreter it has to be installed."""
    found = explained(together, f"{name} without memray", state)
    assert found.stacks == []
    (note,) = found.notes
    assert note.endswith("need memray in the interpreter of the scenario: install memray there")
    assert note in together("explained", f"{name} without memray", CASES).text


def test_failure_while_explaining_leaves_the_verdict(together: Together) -> None:
    """An iteration that raises after the measured iterations is noted and changes no verdict."""
    found = explained(together, "fails", "leaking")
    assert found.stacks == []
    assert found.notes == ["the further iterations ended with LookupError: enough"]


@pytest.mark.parametrize("name", ["calm", "not asked"])
def test_nothing_is_explained_without_the_option_or_without_growth(together: Together, name: str) -> None:
    """There is no further iteration and no explanation."""
    done = together("explained", name, CASES)
    assert done.result.explanation is None
    assert done.result.caller_attribution is None or name == "not asked"
    assert "to explain" not in done.text


def test_explanation_in_process_is_refused(tool: Tool) -> None:
    """Options that exclude each other are refused before anything is measured."""
    tool.write("scenario.py", SCENARIO)
    done = tool.run("scenario.py:leak", "--explain", "--in-process")
    assert done.status == 2
    assert "--explain with --in-process; leave one out" in done.text


@pytest.mark.parametrize("name", list(PYTHONS))
def test_every_supported_interpreter_explains(together: Together, name: str) -> None:
    """Types, a reference chain and stacks are found in each supported version."""
    cases = {
        name: measure_in(python, SCENARIO, "scenario.py:leak", "--explain", *COUNTS) for name, python in PYTHONS.items()
    }
    found = together("explained in pythons", name, cases).result.explanation
    assert found is not None
    assert "scenario.Session" in {found_type.type for found_type in found.types}
    assert found.chain[0].step.startswith("scenario.")
    assert all(stack.frames[-1].function == "leak" for stack in found.stacks)
