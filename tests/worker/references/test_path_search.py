"""The search for paths in heaps with many objects: backwards from the targets, within limits."""

from __future__ import annotations

import types
from typing import ClassVar

import pytest

from otel_memeval.worker.references import paths
from otel_memeval.worker.references.paths import find_paths
from tests.worker.references.test_paths import module, path_of

__all__ = ["module"]


def test_further_target_is_found_near_or_beside_a_target(monkeypatch: pytest.MonkeyPatch, module: types.ModuleType) -> None:
    """No search through all of the heap is made for a further target alone; beside a target that is far, it is found too."""
    near, far, target = [1], [2], [3]
    module.NEAR = [near]  # type: ignore[attr-defined]
    module.FAR = [[[[far, target]]]]  # type: ignore[attr-defined]
    monkeypatch.setattr(paths, "MAX_NEAR", 3)
    assert set(find_paths((), module.__name__, [near, far])) == {id(near)}
    assert set(find_paths([target], module.__name__, [near, far])) == {id(near), id(far), id(target)}
    monkeypatch.setattr(paths, "MAX_REFERRERS", 0)
    assert set(find_paths([target], module.__name__, [near, far])) == {id(near), id(far), id(target)}


@pytest.mark.parametrize("size", [499, 500, 501])
def test_object_with_many_referrers_has_a_path(module: types.ModuleType, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Above the limit of referrers the walk goes through all objects; the path is the same."""
    monkeypatch.setattr(paths, "MAX_NEAR", 0)
    items = [1]
    referrers = [[items] for _ in range(size)]
    module.X = [[[referrer]] for referrer in referrers]  # type: ignore[attr-defined]
    assert path_of(items, module) == "m.X[0][0][0][0]"


@pytest.mark.parametrize("links", [paths.MAX_SCANS - 3, paths.MAX_SCANS + 3])
def test_object_at_the_end_of_a_chain_has_a_path(
    module: types.ModuleType, monkeypatch: pytest.MonkeyPatch, links: int
) -> None:
    """A chain with more links than there are scans is walked from its begin; the path is the same."""
    monkeypatch.setattr(paths, "MAX_NEAR", 0)
    items = chain = [1]
    for _ in range(links):
        chain = [chain]  # type: ignore[list-item]
    module.X = chain  # type: ignore[attr-defined]
    assert path_of(items, module) == "m.X" + "[0]" * links


def test_attribute_of_a_class_with_many_instances_has_a_path(
    module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instances of a class do not lead to what the class has as an attribute; an object that has the class does."""
    monkeypatch.setattr(paths, "MAX_NEAR", 0)

    class Kept:
        ITEMS: ClassVar[list[int]] = [1]

    instances = [Kept() for _ in range(2 * paths.MAX_REFERRERS)]
    module.X = [[instances], [[Kept]]]  # type: ignore[attr-defined]
    assert path_of(Kept.ITEMS, module) == "m.X[1][0][0].ITEMS"
