"""Find the begin of a reference path: words for the interpreter's containers, and the module that owns an object."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import types
import weakref
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from itertools import compress
from typing import cast

from .paths import ReferencePath, modules
from .referents import dict_of_module, dict_of_type, name_of_type, own_dict
from .step_names import StepNames

_NOT_ROOTS = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, property, classmethod, staticmethod),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType, types.WrapperDescriptorType),
)
"""Types that no path begins at: their objects name the path already, or lead to no container."""

_OF_SYS = ("modules", "path", "meta_path", "path_hooks", "path_importer_cache")

_OF_THREADING = {
    "_active": "the threads that have not ended",
    "_limbo": "the threads that are being started",
    "_shutdown_locks": "the locks of the threads that have not ended",
}
_OF_EVENT_LOOP = {"_scheduled": "the event loop's timers", "_ready": "the event loop's ready queue"}

_OF_FORK = {
    "before": "the callbacks before a fork",
    "after_in_parent": "the callbacks after a fork, in the parent",
    "after_in_child": "the callbacks after a fork, in the child",
}


def containers_of_the_interpreter(unreached: Collection[object]) -> dict[int, str]:
    """Return words for containers that belong to the interpreter, by their ``id()``.

    ``unreached``: growing containers that no module leads to; some belong to the interpreter's C code.
    """
    words = {id(value): f"sys.{name}" for name, value in vars(sys).items() if name in _OF_SYS}
    threading = dict_of_module(sys.modules["threading"]) if "threading" in sys.modules else {}
    owners = [(threading, _OF_THREADING), *((own_dict(loop), _OF_EVENT_LOOP) for loop in _event_loops())]
    words.update((id(owner[name]), text) for owner, texts in owners for name, text in texts.items() if name in owner)
    words.update(_fork_callbacks(unreached))
    words.update((id(container), "the callbacks at exit") for container in unreached if _is_exit_callbacks(container))
    return words


def _event_loops() -> list[object]:
    """Return the open event loops of asyncio's own classes and what derives from them."""
    module = sys.modules.get("asyncio.base_events")
    if module is None:
        return []
    kind = cast("type", dict_of_module(module)["BaseEventLoop"])
    objects = gc.get_objects()
    kinds = {each for each in set(map(type, objects)) if issubclass(each, kind)}
    loops = compress(objects, map(kinds.__contains__, map(type, objects)))
    return [loop for loop in loops if not own_dict(loop).get("_closed")]


def subclass_tables(containers: Iterable[object]) -> Iterator[tuple[int, str]]:
    """Yield the dicts in which a class has weak references to its subclasses (``tp_subclasses``), each with words."""
    for container in containers:
        references = list(container.values()) if type(container) is dict else []
        if not references or any(type(reference) is not weakref.ReferenceType for reference in references):
            continue
        subclasses = {id(kind) for reference in references if (kind := reference()) is not None}
        newest = references[-1]()
        if not issubclass(type(newest), type):
            continue
        for base in type.__dict__["__bases__"].__get__(newest):
            if {id(kind) for kind in type.__subclasses__(base)} == subclasses:
                module = dict_of_type(base).get("__module__")
                yield id(container), f"the subclasses of {f'{module}.' if module else ''}{name_of_type(base)}"


def _fork_callbacks(containers: Iterable[object]) -> Iterator[tuple[int, str]]:
    """Yield the lists of ``os.register_at_fork``, each with words: they are those that get a new callback, for a moment."""
    lists = [container for container in containers if type(container) is list and all(map(callable, container[-1:]))]
    if not lists or not hasattr(os, "register_at_fork"):
        return
    callbacks = {name: partial(int) for name in _OF_FORK}
    os.register_at_fork(**callbacks)
    for candidate in cast("list[list[object]]", [obj for obj in gc.get_objects() if type(obj) is list and obj]):
        for name, callback in callbacks.items():
            if candidate[-1] is callback:
                del candidate[-1]
                yield id(candidate), _OF_FORK[name]


def _is_exit_callbacks(container: object) -> bool:
    """Return whether this is the list in which ``atexit`` has its callbacks from Python 3.14 on; before, it is no object."""
    if type(container) is not list or len(container) != atexit._ncallbacks():
        return False
    return all(type(entry) is tuple and len(entry) == 3 and callable(entry[0]) for entry in container)


class PathRoots:
    """Names of the objects that a module, or a class of it, has as an attribute."""

    def __init__(self, scenario_module: str, words: dict[int, str]) -> None:
        self._words = words
        self._step_names = StepNames(scenario_module)
        self._scenario_module = scenario_module
        self._names: dict[str, dict[int, str]] = {}

    def text(self, path: ReferencePath) -> str:
        """Return the path from the last object on it that a person would look up by itself.

        That is a container of the interpreter, then an attribute of a module of the package that the object's class
        belongs to, then one of the standard library. An attribute of the scenario's module stays the beginning.
        """
        links = path.links
        for place in range(len(links) - 1, -1, -1):
            root = self._root_of(links[place][1], in_scenario=not place and self._is_scenarios(links[0][0]))
            if root is not None:
                return root + "".join(self._step_names.name_steps(links[place:], root))
        return links[0][0] + "".join(self._step_names.name_steps(links, links[0][0]))

    def _is_scenarios(self, label: str) -> bool:
        return label == self._scenario_module or label.startswith(f"{self._scenario_module}.")

    def _root_of(self, obj: object, in_scenario: bool) -> str | None:
        if id(obj) in self._words:
            return self._words[id(obj)]
        if in_scenario or issubclass(type(obj), _NOT_ROOTS):
            return None
        module = dict_of_type(type(obj)).get("__module__")
        package = module.partition(".")[0] if type(module) is str else ""
        if package not in ("", "builtins") and package not in sys.stdlib_module_names:
            return self._of_package(package).get(id(obj))
        return self._of_package("").get(id(obj))

    def _of_package(self, package: str) -> dict[int, str]:
        """Return the names of a package's objects by their ``id()``; those of the standard library for an empty name."""
        if package not in self._names:
            names: dict[int, str] = {}
            for name, contents in modules():
                top = name.partition(".")[0]
                if name not in ("sys", "builtins") and (top == package if package else top in sys.stdlib_module_names):
                    for key, text in _attributes_of_module(name, contents):
                        names.setdefault(key, text)
            self._names[package] = names
        return self._names[package]


def _attributes_of_module(name: str, contents: dict[str, object]) -> Iterator[tuple[int, str]]:
    """Yield the objects that a module or one of its classes has as an attribute, each with its name."""
    classes = []
    for attribute, value in list(contents.items()):
        if issubclass(type(value), type) and dict_of_type(value).get("__module__") == name:
            classes.append((attribute, value))
        elif gc.is_tracked(value) and not issubclass(type(value), _NOT_ROOTS):
            yield id(value), f"{name}.{attribute}"
    for class_name, kind in classes:
        for attribute, value in list(dict_of_type(kind).items()):
            if gc.is_tracked(value) and not issubclass(type(value), _NOT_ROOTS):
                yield id(value), f"{name}.{class_name}.{attribute}"
