"""One reading: what is collected before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

PROGRAM = """
import gc, json, sys
from otel_memeval.worker.memory.process_memory import ProcessReader
from otel_memeval.worker.memory.reading import MemoryReader
class Node:
    def __init__(self, after):
        self.itself, self.after = self, after
    def __del__(self):
        if self.after:
            Node(self.after - 1)
reader = MemoryReader(lambda file: False, ProcessReader())
reader.prime()
reader.start()
reader.read(0)
full = []
gc.callbacks.append(lambda phase, info: full.append(info["collected"]) if phase == "stop" and info["generation"] == 2 else 0)
{leave}
reader.read(0)
print(json.dumps([len(full), full[-1], sum(type(one) is Node for one in gc.get_objects())]))
"""


@pytest.mark.parametrize(
    ("leave", "full_collections"),
    [
        ("pass", 1),
        ("for _ in range(9): Node(0)", 1),
        ("Node(0); gc.collect(0); gc.collect(1); full.clear()", 1),
        ("gc.disable(); old = Node(0); gc.collect(); full.clear(); del old", 2),
        ("Node(3)", 4),
    ],
    ids=["nothing", "young cycles", "cycles that are gone already", "an old cycle", "finalizers that leave new cycles"],
)
def test_collected_until_nothing_is_found(run_python: Callable[..., Any], leave: str, full_collections: int) -> None:
    """No garbage is left at a reading: the last full collection found none. For young garbage it is the only one."""
    collections, found_last, left = json.loads(run_python(PROGRAM.replace("{leave}", leave)).stdout)
    assert (collections, found_last, left) == (full_collections, 0, 0)
