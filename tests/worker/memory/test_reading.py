"""Garbage collection before a reading."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

PROGRAM = """
import gc, json, sys
from otel_memeval.worker.memory import frozen_heap
from otel_memeval.worker.memory.process_memory import ProcessReader
from otel_memeval.worker.memory.reading import MemoryReader
class Node:
    def __init__(self, after):
        self.itself, self.after = self, after
    def __del__(self):
        if self.after:
            Node(self.after - 1)
reader = MemoryReader(lambda file: False, ProcessReader(), frozen_heap.FrozenHeap())
frozen_heap.MIN_OBJECTS = 1_000_000  # a frozen heap is collected by other rules: test_frozen_heap.py
reader.prime()
reader.start()
reader.read()
full = []
gc.callbacks.append(lambda phase, info: full.append(info["collected"]) if phase == "stop" and info["generation"] == 2 else 0)
{leave}
reader.read()
print(json.dumps([len(full), full[-1], sum(type(obj) is Node for obj in gc.get_objects())]))
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
def test_garbage_is_collected_until_there_is_none(run_python: Callable[..., Any], leave: str, full_collections: int) -> None:
    """The last full collection finds no garbage; if all garbage is young, it is the only full collection."""
    collections, found_last, left = json.loads(run_python(PROGRAM.replace("{leave}", leave)).stdout)
    assert (collections, found_last, left) == (full_collections, 0, 0)
