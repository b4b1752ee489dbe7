"""Find the shortest reference path from a module to an object, written as a person would look it up.

One breadth-first walk from all modules finds every object (``gc.get_referrers`` would scan the whole heap for each step).
Keys of dicts are not in a path; ``step_names`` has those that are no prompts and no session ids.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from .referents import HIDES_DICTS, Link, Ways, dict_of_module, mro_of_type, references, type_name

MAX_VISITED = 3_000_000
"""Objects after which the walk ends: a budget of time; an object that was not reached has no path."""

MAX_OF_SCENARIO = 10_000
"""Objects that are reached from the scenario's module before the walk goes on from all modules."""

MAX_NEAR = 50_000
"""Objects behind modules' attributes that are visited before the walk keeps to what leads to a target: about a second while
tracing is on."""

MAX_REFERRERS = 500
"""Objects whose referrers are searched for in one scan: each reference of each object is compared with all of them."""


MAX_SCANS = 30
"""Scans of all objects for referrers, one a step: more are slower than a walk, as along a chain of objects."""


def _step(parent: object, obj: object) -> str:
    """Return the text of the step from an object to one that it refers to."""
    label = next((label for label, value in references(parent) if value is obj), f" -> {type_name(parent)}")
    return label if type(label) is str else f"[{label}]"


_hash_of = object.__hash__
"""Tells objects apart as ``id`` does; from Python 3.12 on, each call of ``id`` calls the audit hooks of the process."""


def _hash_at(address: int) -> int:
    """Return the hash of the object whose ``id()`` is given: the address, rotated (``_Py_HashPointer``)."""
    bits = sys.maxsize.bit_length() + 1
    rotated = address >> 4 | (address & 15) << bits - 4
    return rotated - (1 << bits) if rotated > sys.maxsize else rotated


class _Walk:
    """A breadth-first walk. Each object has the place of its parent: only the paths of targets are built.

    ``required`` and ``further``: the ``id()`` of each target.
    """

    def __init__(self, required: Collection[int], further: Collection[int]) -> None:
        self.found: dict[int, ReferencePath] = {}
        self.required = set(map(_hash_at, required))
        self.remaining = {_hash_at(key): key for key in (*required, *further)}
        self.objects: list[object] = []
        self._parents: list[int] = []
        self._names: list[str] = []
        self._following = 0
        self._ways = Ways()
        self._only: set[int] | None = None
        own = (sys.modules, vars(sys), self.__dict__, *self.__dict__.values())
        self.visited = {_hash_at(id(obj)) for obj in own}

    def add_module(self, name: str, contents: dict[str, object]) -> None:
        """Note a module; no path leads through its dict."""
        key = _hash_of(contents)
        self.visited.add(key)
        if key in self.remaining:
            self._find(key, ReferencePath([(name, contents)], None))

    def add_root(self, name: str, obj: object) -> None:
        """Begin at an attribute of a module."""
        self._names.append(name)
        self.visit(-1, (obj,))
        del self._names[len(self.objects) :]

    def roots_end(self) -> int:
        """Return the number of roots, all of which were added."""
        self._following = len(self.objects)
        return self._following

    def visit(self, parent: int, values: Iterable[object]) -> None:
        """Take the objects that were not seen before."""
        visited, ways, remaining = self.visited, self._ways, self.remaining
        for value in values if self._only is None else [value for value in values if _hash_of(value) in self._only]:
            key = _hash_of(value)
            if key in visited:
                continue
            if key in remaining:
                owner = self.objects[parent] if parent >= 0 else None
                step = self._names[-1] if parent < 0 else _step(owner, value)
                self._find(key, ReferencePath([*self._links_to(parent), (step, value)], owner))
            if ways[type(value)] is not None:
                visited.add(key)
                self._parents.append(parent)
                self.objects.append(value)
                if len(self.objects) >= MAX_VISITED:
                    break

    def go_on(self, roots: Iterator[int], max_objects: int) -> None:
        """Walk on from these roots, then from what they lead to, up to a number of objects."""
        objects = self.objects
        while self.remaining and len(objects) < max_objects:
            place = next(roots, self._following)
            if place == len(objects):
                break
            self._following += place == self._following
            if self._only is not None and _hash_of(objects[place]) not in self._only:
                continue
            way = self._ways[type(objects[place])]
            if way is not None:
                self.visit(place, way(objects[place]))

    def keep_to_ways_to(self, targets: Iterable[object]) -> None:
        """Walk on only through objects that lead to these targets; change nothing if they are too many.

        They are searched for from the targets backwards, one scan of all objects a step, as far as the objects that were
        visited: the walk has been at all that leads to those.
        """
        level = [target for target in targets if _hash_of(target) in self.remaining]
        if HIDES_DICTS and any(type(target) is dict and _hash_of(target) in self.required for target in level):
            return  # the object whose ``__dict__`` this is may not be known to refer to it
        only = set(map(_hash_of, level))
        for _ in range(MAX_SCANS):
            if not level:
                self._only = only
                return
            if len(level) > MAX_REFERRERS:
                break
            referrers = [obj for obj in _referrers(level) if _hash_of(obj) not in only]
            only.update(map(_hash_of, referrers))
            level = [obj for obj in referrers if _hash_of(obj) not in self.visited]
            del referrers  # must not be found as a referrer itself

    def _find(self, key: int, path: ReferencePath) -> None:
        self.required.discard(key)
        self.found[self.remaining.pop(key)] = path

    def _links_to(self, place: int) -> list[Link]:
        links = []
        while place >= 0:
            parent, obj = self._parents[place], self.objects[place]
            links.append((self._names[place] if parent < 0 else _step(self.objects[parent], obj), obj))
            place = parent
        return links[::-1]


def _referrers(objects: list[object]) -> Iterator[object]:
    """Yield the objects that refer to one of these, without those that only are instances of a class."""
    others = tuple([obj for obj in objects if not issubclass(type(obj), type)])  # a tuple is passed on as it is
    classes = tuple([obj for obj in objects if issubclass(type(obj), type)])
    own = (objects, others, classes)
    if others:
        yield from (obj for obj in gc.get_referrers(*others) if not any(obj is lists for lists in own))
    if classes:
        kinds = set(map(_hash_of, classes))
        for obj in gc.get_referrers(*classes):
            kind = type(obj)
            is_name_only = _hash_of(kind) in kinds or issubclass(kind, type) or _is_mro(obj)
            if not (is_name_only or any(obj is lists for lists in own)):
                yield obj


def _is_mro(obj: object) -> bool:
    """Return whether this is the tuple in which a class has its bases in the order of their methods."""
    return type(obj) is tuple and bool(obj) and issubclass(type(obj[0]), type) and mro_of_type(obj[0]) is obj


def modules() -> list[tuple[str, dict[str, object]]]:
    """Return names and contents of all modules but the tool's."""
    tool = __name__.partition(".")[0]
    return [
        (name, dict_of_module(module))
        for name, module in list(sys.modules.items())
        if issubclass(type(module), types.ModuleType) and name.partition(".")[0] != tool
    ]


def _roots(first: str) -> list[tuple[str, dict[str, object]]]:
    """Return names and contents of all modules: the scenario's first, then those outside the standard library."""

    def rank(root: tuple[str, dict[str, object]]) -> tuple[bool, bool, int]:
        name = root[0]
        return name != first, name.partition(".")[0] in sys.stdlib_module_names, name.count(".")

    return sorted(modules(), key=rank)


class ReferencePath:
    """The references from a module to an object: ``links``, the object itself in the last one.

    ``owner``: the object that it is an attribute or an item of; None if that is a module.
    """

    __slots__ = ("links", "owner")

    def __init__(self, links: list[Link], owner: object) -> None:
        self.links = links
        self.owner = owner

    @property
    def objects(self) -> list[object]:
        """The objects on the path, the nearest to the module first."""
        return [obj for _, obj in self.links]

    @property
    def text(self) -> str:
        """The path as one text."""
        return "".join(label for label, _ in self.links)

    def types(self) -> list[tuple[str, str]]:
        """Return the text of each link with the name of the type that it leads to."""
        return [(label, type_name(obj)) for label, obj in self.links]


def find_paths(
    targets: Collection[object], scenario_module: str, further_targets: Collection[object] = ()
) -> dict[int, ReferencePath]:
    """Return the shortest path from a module to each of the ``targets``, as far as there is one, by its ``id()``.

    ``further_targets``: objects whose path is returned as well if it is found near a module or on the way.

    A path from the scenario's module goes before a shorter one from another module, unless that module has the object as an
    attribute. No path leads through frames, modules of the tool, or the interpreter's bookkeeping such as ``sys.modules``.
    """
    if not targets and not further_targets:  # the heap need not be walked
        return {}
    walk = _Walk(list(map(id, targets)), list(map(id, further_targets)))
    roots = _roots(scenario_module)
    for name, contents in roots:
        walk.add_module(name, contents)
    of_scenario = 0
    for name, contents in roots:
        if name == "sys":
            continue
        for attribute, value in list(contents.items()):
            if attribute not in ("__builtins__", "__loader__", "__spec__", "__cached__"):
                walk.add_root(f"{name}.{attribute}", value)
        if name == scenario_module:
            of_scenario = len(walk.objects)
    count = walk.roots_end()
    first = iter(range(of_scenario))
    near = min(count + MAX_NEAR, MAX_VISITED)
    walk.go_on(first, min(count + MAX_OF_SCENARIO, near))
    rest = chain(range(of_scenario, count), first)
    walk.go_on(rest, near)
    if walk.required:
        walk.keep_to_ways_to([*targets, *further_targets])
        walk.go_on(rest, MAX_VISITED)
    return walk.found
