"""A bounded container that is still filling is not a leak, and the result names its bound; a leak stays a leak."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Tool

HEAD = "import itertools, sqlite3\nN = itertools.count()\n"

BY_CODE = """
MOST = 64
D = {}
def run():
    if len(D) >= MOST:
        D.clear()
    D[next(N)] = bytes(2000)
"""
BY_BYTES = """
class Cache:
    def __init__(self):
        self.used, self.items = 0, []
    def put(self, item):
        self.items.append(item)
        self.used += len(item)
        while self.used > 500_000:
            self.used -= len(self.items.pop(0))
CACHE = Cache()
def run(): CACHE.put(bytes(2000))
"""
RING = """
SLOTS = [None] * 64
def run(): SLOTS[next(N) % 64] = {"body": "b" * 400 + str(next(N))}
"""
WINDOW = """
class Memory:
    def __init__(self):
        self.turns = []
    def add(self, turn):
        self.turns = (self.turns + [turn])[-90:]
MEMORY = Memory()
def run(): MEMORY.add("turn " + "w" * 500 + str(next(N)))
"""
SQLITE = """
DB = sqlite3.connect(":memory:")
DB.execute("create table t (a)")
def run(): DB.execute("select a from t").fetchall()
"""

BOUNDED = {
    "by code": (BY_CODE, 64, "len(D) >= MOST at scenario.py:7"),
    "by bytes": (BY_BYTES, None, "self.used > 500000 (46,000 of 500,000) at scenario.py:10"),
    "ring": (RING, 64, "41 of its 64 slots are still None"),
    "window": (WINDOW, 90, "(self.turns + [turn])[-90:] at scenario.py:8"),
}


@pytest.mark.parametrize("case", BOUNDED)
def test_bounded_container_has_its_bound(tool: Tool, case: str) -> None:
    """The state and the container's bound with its origin are in the JSON and on the terminal."""
    source, bound, bound_from = BOUNDED[case]
    done = tool.measure(HEAD + source, "--iterations", "20", "--warmup", "3")
    result = done.result
    assert (done.status, result.verdict.state) == (0, "bounded"), done.text
    (holder,) = result.holders
    assert holder.bound_from == bound_from
    assert bound is None or holder.bound == bound
    assert holder.bound_from in result.verdict.reasons[0]
    assert holder.bound_from in done.text


def test_cursors_of_sqlite_are_a_note(tool: Tool) -> None:
    """A connection keeps a weak reference to each cursor, 200 at most: nothing is bounded or leaks, and a reason says so."""
    done = tool.measure(HEAD + SQLITE, "--iterations", "20", "--warmup", "3")
    result = done.result
    assert (done.status, result.verdict.state, result.holders, result.sites) == (0, "stable", [], []), done.text
    assert any(reason.endswith("sqlite3 forgets dead cursors every 200") for reason in result.verdict.reasons)


LEAKING = {
    "only looked at": "D = []\ndef run():\n    D.append(bytes(2000))\n    if len(D) > 64: print('many')\n",
    "too far": "D = []\ndef run():\n    D.append(bytes(2000))\n    if len(D) > 10**12: D.clear()\n",
    "ring and a chain": "S = [None] * 64\nLAST = None\ndef run():\n    global LAST\n"
        "    S[next(N) % 64] = {'a': bytes(400)}\n    LAST = (LAST, bytearray(900))\n",
    "a slot of each": "LAST = None\ndef run():\n    global LAST\n    LAST = [LAST, bytearray(900), bytearray(900), None]\n",
}  # fmt: skip


@pytest.mark.parametrize("case", LEAKING)
def test_container_without_an_effective_bound_is_a_leak(tool: Tool, case: str) -> None:
    """A limit that nothing enforces or that is out of reach, and a ring beside the leaking container are no bounds."""
    done = tool.measure(HEAD + LEAKING[case], "--iterations", "20", "--warmup", "3")
    assert (done.status, done.result.verdict.state) == (1, "leaking")


def test_bookkeeping_that_ends_does_not_hide_a_native_leak(tool: Tool) -> None:
    """Rows of a database in memory are in the C heap; beside them sqlite3's list of cursors fills up to its own bound."""
    source = (
        'DB = sqlite3.connect(":memory:")\nDB.execute("create table t (a)")\n'
        "def run():\n    for _ in range(5):\n        DB.execute('insert into t values (?)', ('b' * 900,))\n    DB.commit()\n"
    )
    result = tool.measure(HEAD + source, "--iterations", "20", "--warmup", "3").result
    assert result.verdict.state == "native-leak", result.verdict
    assert result.growth.native is not None
    assert 4_500 < result.growth.native.bytes_per_iteration < 6_500
