"""Bounds that only the code sets: a comparison counts if items are removed or rejected above it."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from otel_memeval.worker.bounds.bounds import BoundFinder
from otel_memeval.worker.bounds.conditions import Bound
from otel_memeval.worker.references.paths import find_paths

HEAD = """
import heapq, itertools, logging, threading
from collections import OrderedDict, defaultdict, deque
N = itertools.count()
"""
DATA = Path(__file__).parents[2] / "data"

BoundOf = Callable[..., "Bound | None"]


@pytest.fixture
def bound_of(tmp_path: Path) -> Iterator[BoundOf]:
    """Return a function that imports a source, calls its ``run`` some times, and returns the bound of its ``HELD()``."""
    names = []
    numbers = itertools.count()

    def load(
        source: str, times: int = 12, grown: tuple[int, ...] = (), before: Callable[[Path], Any] | None = None
    ) -> Bound | None:
        path = tmp_path / f"scenario_of_bounds_{next(numbers)}.py"
        path.write_text(HEAD + source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        names.append(path.stem)
        spec.loader.exec_module(module)
        for _ in range(times):
            module.run()
        if before is not None:
            before(path)
        held = module.HELD()
        found = find_paths([held], path.stem).get(id(held))
        lines = {(str(path), line + HEAD.count("\n")) for line in grown}
        return BoundFinder([] if found is None else [found], lines).bound_of(held, found)

    yield load
    for name in names:
        del sys.modules[name]


def cases(file: str) -> dict[str, tuple[list[str], str]]:
    """Return the sources in a file by title, each with the expected values beside its title."""
    parts = (DATA / file).read_text(encoding="utf-8").split("## ")[1:]
    titles = [part.partition("\n")[0].split(" | ") for part in parts]
    return {title[0]: (title[1:], part.partition("\n")[2]) for title, part in zip(titles, parts)}


BOUNDED = cases("bounded_code.txt")
UNBOUNDED = cases("unbounded_code.txt")


@pytest.mark.parametrize("case", BOUNDED)
def test_limit_that_the_code_respects_is_a_bound(bound_of: BoundOf, case: str) -> None:
    """The bound has the number of items, None if another measure is limited, and the code with its place."""
    (most, text), source = BOUNDED[case]
    limit = bound_of(source)
    assert limit is not None
    assert (str(limit.max_items), limit.text) == (most, text)
    line = Path(limit.file).read_text(encoding="utf-8").split("\n")[limit.line - 1]
    assert text.partition(" (")[0] in line


@pytest.mark.parametrize("case", UNBOUNDED)
def test_limit_without_effect_on_the_container_is_no_bound(bound_of: BoundOf, case: str) -> None:
    """A limit of something else, a limit without consequences, and a limit that was already exceeded are no bounds."""
    assert bound_of(UNBOUNDED[case][1]) is None
