"""Words for the interpreter's containers, and the module at which a path begins."""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import logging
import os
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from otel_memeval.worker.references.paths import find_paths
from otel_memeval.worker.references.roots import PathRoots, containers_of_the_interpreter, subclass_tables


@pytest.fixture
def modules() -> Iterator[dict[str, types.ModuleType]]:
    """Two imported modules with nothing in them: the scenario's and a package's."""
    made = {name: types.ModuleType(name) for name in ("scenario_of_this_test", "package_of_this_test")}
    sys.modules.update(made)
    yield made
    for name in made:
        del sys.modules[name]


def path_of(target: object) -> str | None:
    """Return the path to a container as the report shows it."""
    found = find_paths([target], "scenario_of_this_test").get(id(target))
    unreached = [] if found else [target]
    words = {**containers_of_the_interpreter(unreached), **dict(subclass_tables(unreached))}
    return words.get(id(target)) if found is None else PathRoots("scenario_of_this_test", words).text(found)


def test_containers_of_an_event_loop_have_words() -> None:
    """The timers and the ready queue of an open loop are named, and what is in a timer begins there."""
    loop = asyncio.new_event_loop()
    kept: list[int] = []
    loop.call_later(3600, kept.append, 1)
    asyncio.set_event_loop(loop)
    try:
        assert path_of(loop._scheduled) == "the event loop's timers"  # type: ignore[attr-defined]
        assert path_of(loop._ready) == "the event loop's ready queue"  # type: ignore[attr-defined]
        assert path_of(kept) == "the event loop's timers[0] -> TimerHandle._callback"
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_containers_of_threads_and_imports_have_words() -> None:
    """The threads that live, the imported modules and the import path are named."""
    assert path_of(threading._active) == "the threads that have not ended"  # type: ignore[attr-defined]
    assert path_of(sys.modules) == "sys.modules"
    assert path_of(sys.path) == "sys.path"


def test_callbacks_at_a_fork_have_words_and_get_no_new_callback() -> None:
    """The lists of ``os.register_at_fork``, which no module leads to, are named, and are afterwards as long as before."""
    gc.unfreeze()  # the lists are older than the test
    callback = partial(int)
    os.register_at_fork(before=callback)
    found = [obj for obj in gc.get_objects() if type(obj) is list and obj and obj[-1] is callback]
    (callbacks,) = found
    before = len(callbacks)
    assert path_of(callbacks) == "the callbacks before a fork"
    assert len(callbacks) == before
    del callbacks[-1]


def test_callbacks_at_exit_have_words() -> None:
    """The list of ``atexit`` has an entry for each callback: function, arguments and keyword arguments."""
    callbacks: list[object] = [(print, (), {})] * atexit._ncallbacks()
    assert list(containers_of_the_interpreter([callbacks]).values())[-1:] == ["the callbacks at exit"]
    for other in (callbacks[:-1], [*callbacks[:-1], print], [*callbacks[:-1], (1, (), {})]):
        assert "the callbacks at exit" not in containers_of_the_interpreter([other]).values()


def test_table_of_subclasses_has_words() -> None:
    """The dict in which a class finds its subclasses is named by the class."""
    base = type("Base", (), {"__module__": "shop"})
    kinds = [type("Derived", (base,), {}) for _ in range(3)]
    tables = [
        obj
        for obj in gc.get_objects()
        if type(obj) is dict and len(obj) == 3 and all(key == id(kind) for key, kind in zip(obj, kinds))
    ]
    assert [path_of(table) for table in tables] == ["the subclasses of shop.Base"]
    (words,) = dict(subclass_tables([{id(kind): weakref.ref(kind) for kind in object.__subclasses__()}])).values()
    assert words == "the subclasses of object"


def test_standard_library_goes_before_a_packages_reference(modules: dict[str, types.ModuleType]) -> None:
    """What belongs to the standard library begins there, directly and by an attribute of a class."""
    package = modules["package_of_this_test"]
    package.LOG = logging.getLogger("package_of_this_test")  # type: ignore[attr-defined]
    assert path_of(logging.Logger.manager.loggerDict) == "logging.Logger.manager -> Manager.loggerDict"
    package.KEPT = json.MEMEVAL_KEPT = [1]  # type: ignore[attr-defined]
    try:
        assert path_of(package.KEPT) == "json.MEMEVAL_KEPT"
        modules["scenario_of_this_test"].KEPT = package.KEPT  # type: ignore[attr-defined]
        assert path_of(package.KEPT) == "scenario_of_this_test.KEPT"
    finally:
        del json.MEMEVAL_KEPT  # type: ignore[attr-defined]


def test_package_of_the_class_goes_before_another_packages_reference(modules: dict[str, types.ModuleType]) -> None:
    """A registry begins in the package that its class belongs to, also where another module has the shorter name."""
    owner = types.ModuleType("package_of_this_test.inner.registry")
    registry = type("Registry", (), {"__module__": owner.__name__})()
    registry.items = [1]
    owner.REGISTRY = registry  # type: ignore[attr-defined]
    other = types.ModuleType("another_of_this_test")
    other.REGISTRY = registry  # type: ignore[attr-defined]
    sys.modules.update({owner.__name__: owner, other.__name__: other})
    try:
        assert path_of(registry.items) == "package_of_this_test.inner.registry.REGISTRY -> Registry.items"
    finally:
        del sys.modules[owner.__name__], sys.modules[other.__name__]


def test_longer_path_from_the_scenario_goes_before_a_packages(modules: dict[str, types.ModuleType]) -> None:
    """A person looks in the scenario first, unless a module has the container as its own attribute."""
    items = [1]
    modules["package_of_this_test"].SEEN = [items]  # type: ignore[attr-defined]
    modules["scenario_of_this_test"].DEEP = [[[items]]]  # type: ignore[attr-defined]
    assert path_of(items) == "scenario_of_this_test.DEEP[0][0][0]"
    modules["package_of_this_test"].ITEMS = items  # type: ignore[attr-defined]
    assert path_of(items) == "package_of_this_test.ITEMS"
