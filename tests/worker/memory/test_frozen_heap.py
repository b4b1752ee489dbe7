"""Readings while the objects from before the iterations are frozen."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

PROGRAM = """
import collections, functools, gc, json, random, sys, weakref
from otel_memeval.worker.memory import frozen_heap
from otel_memeval.worker.memory.process_memory import ProcessReader
from otel_memeval.worker.memory.reading import MemoryReader

frozen_heap.MIN_OBJECTS = int(sys.argv[1])

class Named(dict):
    pass

class Node:
    def __init__(self, *others):
        self.itself, self.others, self.text = self, others, "x" * 1000 + str(others)

@functools.lru_cache(maxsize=None)
def cached(key):
    return [key]

class State:
    pass

state = State()
state.by_kind = {"list": [[0] * i for i in range(5)], "dict": [{i: [i]} for i in range(5)], "named": [Named(a=1)]}
state.queue, state.set, state.numbers = collections.deque([1]), {1}, {1: 1}
names = {id(state.by_kind): "by_kind", id(state.queue): "queue", id(state.set): "set", id(state.numbers): "numbers"}
names.update({id(each): f"{kind}{i}" for kind, those in state.by_kind.items() for i, each in enumerate(those)})
names[id(cached)] = "cached"

reader = MemoryReader(lambda file: "otel_memeval" in file, ProcessReader(), frozen_heap.FrozenHeap())
reader.prime()
reader.start()
state.nodes = [Node(str(i)) for i in range(20)]
reader.read_first()
frozen_at_first = reader._frozen.is_frozen
readings = []

def read():
    reading = reader.read()
    holders = sorted((names[key], before, now) for key, before, now in reading["holders"] if key in names)
    readings.append([reading["retained_bytes"], reading["retained_blocks"], holders])
    return reading["retained_bytes"]

read(), read()
base = read()
"""

MUTATIONS = """
numbers = random.Random(int(sys.argv[2]))
kept = []
for step in range(25):
    for _ in range(numbers.randrange(4)):
        state.by_kind["list"][numbers.randrange(3)].append("x" * numbers.randrange(200))
        state.by_kind["dict"][numbers.randrange(4)]["y" * numbers.randrange(300)] = [step]
        state.numbers[numbers.randrange(1000) + 1000] = step
        state.queue.append(Node())
        kept.append({"step": str(step), "more": {}})
        cached(numbers.randrange(50))
    if step % 3 == 0:
        state.by_kind["named"][0][str(step)] = step
        state.set.add(step)
        kept.clear()
    if step == 8:
        del state.by_kind["list"][3:]
    if step == 12:
        state.by_kind["dict"][4] = None
        state.numbers.clear()
    if step == 16:
        import fractions, zipfile, html.parser
    read()
print(json.dumps([frozen_at_first, readings[3:]]))
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_readings_are_those_of_a_heap_that_is_not_frozen(run_python: Callable[..., Any], seed: int) -> None:
    """The same steps give the same retained memory, and the same lengths of containers from before."""
    frozen, readings = json.loads(run_python(PROGRAM + MUTATIONS, "1", str(seed)).stdout)
    thawed, expected = json.loads(run_python(PROGRAM + MUTATIONS, "1000000000", str(seed)).stdout)
    assert (frozen, thawed) == (True, False)
    assert [holders for *_, holders in readings] == [holders for *_, holders in expected]
    assert all(abs(found[0] - thawed[0]) < 2000 for found, thawed in zip(readings, expected))


GARBAGE = """
dead = weakref.ref(state.nodes[0])
for index in range(20):  # a pool from before: each step replaces a node that refers to itself
    state.nodes[index] = Node(str(index))
    read()
print(json.dumps([[retained for retained, *_ in readings[3:]], 1400, dead() is None]))
"""


def test_garbage_in_cycles_from_before_is_collected(run_python: Callable[..., Any]) -> None:
    """Objects from before the iterations that refer to themselves are freed within few readings once they are replaced."""
    retained, node_bytes, is_dead = json.loads(run_python(PROGRAM + GARBAGE, "1").stdout)
    expected, *_ = json.loads(run_python(PROGRAM + GARBAGE, "1000000000").stdout)
    assert is_dead
    assert max(found - thawed for found, thawed in zip(retained, expected)) < 8 * node_bytes
    assert retained[-1] - expected[-1] < 3 * node_bytes


DROPPED = """
class Content:
    pass
content = Content()
state.by_kind["list"][4].append([[content]])
dead = weakref.ref(content)
read()
del content, state.by_kind["list"][4]
named = state.by_kind["named"].pop()
named["it"] = Content()
dead_too = weakref.ref(named["it"])
del named, cached
read()
state.queue.append(2)
read()
print(json.dumps([dead() is None, dead_too() is None, readings[-2][2], readings[-1][2]]))
"""


def test_dropped_container_is_freed_at_the_next_reading(run_python: Callable[..., Any]) -> None:
    """A container from before that the scenario has dropped keeps nothing alive after the next reading."""
    assert json.loads(run_python(PROGRAM + DROPPED, "1").stdout) == [True, True, [], [["queue", 1, 2]]]


TAKEN_OVER = """
made = [[] for _ in range(200)]
state.queue.append(1)
exec(sys.argv[2])
frozen_before = gc.get_freeze_count()
read()
state.set.add("new")
state.by_kind["fresh"] = fresh = {1: [1]}
names[id(fresh)] = "fresh"
read()
fresh[2] = [2]
read()
print(json.dumps([[holders for *_, holders in readings[3:]], reader._frozen.is_frozen,
                  frozen_before - gc.get_freeze_count() if frozen_before else gc.get_freeze_count()]))
"""


@pytest.mark.parametrize(
    ("call", "holders"),
    [
        ("gc.unfreeze()", [[["queue", 1, 2]], [["by_kind", 3, 4], ["set", 1, 2]], [["fresh", 1, 2]]]),
        ("gc.freeze()", [[], [], [["fresh", 1, 2]]]),
        ("gc.disable()", [[["queue", 1, 2]], [["by_kind", 3, 4], ["set", 1, 2]], [["fresh", 1, 2]]]),
    ],
)
def test_scenario_that_freezes_itself_is_measured_as_without_the_tool(
    run_python: Callable[..., Any], call: str, holders: list[object]
) -> None:
    """After ``gc.freeze`` or ``gc.unfreeze`` of the scenario the tool leaves frozen objects alone."""
    found = json.loads(run_python(PROGRAM + TAKEN_OVER, "1", call).stdout)
    without = json.loads(run_python(PROGRAM + TAKEN_OVER, "1000000000", call).stdout)
    assert found[0] == without[0] == holders
    assert found[1] is (call == "gc.disable()")
    assert abs(found[2]) < 1000


OWNED = """
state.counts = {}
names[id(state.counts)] = "counts"
for step in range(8):
    state.counts[step] = "x" * 500 + str(step)
    read()
reader.thaw()
is_visible = any(each is state for each in gc.get_objects())
print(json.dumps([[holders for *_, holders in readings[3:]], gc.get_freeze_count(), is_visible]))
"""


def test_new_dict_of_a_frozen_object_is_found(run_python: Callable[..., Any]) -> None:
    """A dict without a record of the collector, owned by a frozen object, is found; ``thaw`` makes all objects visible."""
    holders, frozen, is_visible = json.loads(run_python(PROGRAM + OWNED, "1").stdout)
    assert ["counts", 7, 8] in holders[-1]
    assert frozen < 1000
    assert is_visible


MANY = """
import array, json
from otel_memeval.worker.memory import frozen_heap, reading
from otel_memeval.worker.memory.process_memory import ProcessReader
reading.MANY_BLOCKS = 1000
calls = []
read_heap = reading.read_heap
reading.read_heap = lambda is_own: calls.append(1) or read_heap(is_own)
reader = reading.MemoryReader(lambda file: "otel_memeval" in file, ProcessReader(), frozen_heap.FrozenHeap())
reader.prime()
reader.start()
kept = [[number] for number in range(2000)]
more = [None] * 20
reader.read_first()
retained, read = array.array("q", [0] * 12), array.array("q", [0] * 12)  # no object for a number
for step in range(12):
    if step >= 6:
        more[step] = [step]
    calls.clear()
    message = reader.read()
    retained[step], read[step] = message["retained_bytes"], len(calls)
    del message
print(json.dumps([list(retained), list(read)]))
"""


def test_lines_of_a_large_heap_are_read_where_its_bytes_changed(run_python: Callable[..., Any]) -> None:
    """A heap of many blocks is not read again while the traced bytes stay the same; each change is seen at once."""
    retained, read = json.loads(run_python(MANY).stdout)
    assert read[4:6] == [0, 0]
    assert read[6:] == [1] * 6
    assert len(set(retained[3:6])) == 1
    assert {after - before for before, after in pairwise(retained[5:])} == {64}
