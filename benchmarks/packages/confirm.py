"""Measure without this tool whether a scenario leaks: ``PYTHON confirm.py SCENARIO ITERATIONS``, standard library only.

Started with ``PYTHONMALLOC=malloc``, so that Python's own blocks are malloc'ed too, and glibc's ``mallinfo2`` counts every
byte in use. Prints a line of JSON: bytes per iteration that the C heap and the resident memory kept, in each of the last two
thirds of the iterations. The first third is a warm-up.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib.util
import inspect
import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

_FIELDS = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2`` (malloc.h, glibc 2.33 and later)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def main() -> None:
    """Run the scenario and print the figures."""
    path, iterations = Path(sys.argv[1]), int(sys.argv[2])
    module = _load(path)
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    loop = asyncio.new_event_loop()

    def call(name: str) -> None:
        value = getattr(module, name, lambda: None)()
        if inspect.isawaitable(value):
            loop.run_until_complete(value)

    def read() -> tuple[int, int]:
        gc.collect()
        info = mallinfo2()
        return info.uordblks + info.hblkhd, _resident_bytes()

    third = max(1, iterations // 3)
    call("setup")
    readings = []
    for _ in range(3):
        for _ in range(third):
            call("run")
        readings.append(read())
    call("teardown")
    heap = [(after[0] - before[0]) / third for before, after in pairwise(readings)]
    resident = [(after[1] - before[1]) / third for before, after in pairwise(readings)]
    print(json.dumps({"heap": heap, "resident": resident}))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
