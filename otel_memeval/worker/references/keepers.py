"""Find the objects that keep the memory of growing lines where no container grows: lists made anew, chains, texts."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import filterfalse, takewhile

from ..memory.heap import Site
from .items import allocated_in, may_be_traced
from .paths import ReferencePath, modules

MAX_OBJECTS = 5
"""Newest objects of each line to which a path is searched: some of them may belong to a container that grows."""

MAX_INSTANCES = 10_000
"""Newest instances of which the line is looked up one by one (Python 3.11): a budget of time."""

MAX_STEPS = 8
"""Steps of a path; a longer one goes along a chain or a tree, and the container at its begin is named."""

MAX_SEARCHED = 200_000
"""Objects that were frozen last, among which those of a line are searched; earlier ones are those of imports: a budget of
time."""

_CHUNK = 4096
"""Objects whose referents are listed at once: few calls, and no list of all referents."""

_hash_of = object.__hash__
"""Tells objects apart as ``id`` does, without an audit event (Python 3.12)."""

_CONTAINERS = (dict, list, tuple, set, deque)


class LiveKeeper:
    """An object that keeps the memory of growing ``lines``, with the path to it from a module.

    ``is_chain``: the memory is at the end of a chain or in a tree that begins at the object. ``behind``: containers on the
    way from it to the memory, by their ``id()``.
    """

    __slots__ = ("behind", "is_chain", "lines", "path")

    def __init__(self, path: ReferencePath, is_chain: bool) -> None:
        self.path = path
        self.is_chain = is_chain
        self.lines: list[Site] = []
        self.behind: set[int] = set()

    @property
    def obj(self) -> object:
        """The object itself."""
        return self.path.links[-1][1]

    @property
    def length(self) -> int | None:
        """Number of the items that keep the memory; None for an object that is no container, and for a chain."""
        kind = type(self.obj)
        base = next((base for base in _CONTAINERS if issubclass(kind, base)), None)
        return None if base is None or self.is_chain else base.__len__(self.obj)  # type: ignore[arg-type]


def newest_objects(
    lines: Collection[Site], containers: Iterable[object], young: Collection[object] = ()
) -> dict[Site, list[object]]:
    """Return the newest few objects of each line that the garbage collector knows, or an object that it knows refers to.

    ``containers``: every container that lives, those included that the garbage collector does not know. ``young``: the
    newest objects; all others are searched only for lines that have not enough objects among them.
    """
    found = _newest_among(young, lines)
    missing = [line for line, objects in found.items() if len(objects) < MAX_OBJECTS]
    if missing:
        every = gc.get_objects()
        if young:  # all others were frozen, and stand in the order in which they were frozen
            del every[:-MAX_SEARCHED]
        every.extend(filterfalse(gc.is_tracked, [*containers, *(contents for _, contents in modules())]))
        found.update(_newest_among(every, missing))
    return found


def _newest_among(objects: Iterable[object], lines: Collection[Site]) -> dict[Site, list[object]]:
    """Return the last few of the objects, and of those that they alone refer to, that each line allocated."""
    found: dict[Site, list[object]] = {line: [] for line in lines}
    seen: set[int] = set()
    level = list(objects)
    while level and found:
        for site, obj in allocated_in(found, level, MAX_INSTANCES):
            found[site].append(obj)
            del found[site][:-MAX_OBJECTS]
        following: list[object] = []
        for start in range(0, len(level), _CHUNK):
            # The referents of a module may be freed already (Python 3.12).
            chunk = [obj for obj in level[start : start + _CHUNK] if not issubclass(type(obj), type(gc))]
            untracked = list(filterfalse(gc.is_tracked, gc.get_referents(*chunk)))
            by_hash = dict(zip(map(_hash_of, untracked), untracked))  # many refer to the same names and numbers
            new = list(filterfalse(seen.__contains__, by_hash))
            seen.update(new)
            following.extend(may_be_traced(list(map(by_hash.__getitem__, new)), 0))
        level = following
    return found


def find_keepers(
    objects: Mapping[Site, Sequence[object]],
    paths: Mapping[int, ReferencePath],
    growing: Collection[int],
    undecided: Mapping[int, Collection[Site]],
) -> list[LiveKeeper]:
    """Return the objects that keep the newest objects of lines, in the order of the lines.

    That is the last object to which all of them are attached: a list that is made anew, the first link of a chain, a text.
    A line with an object behind one of the ``growing`` containers, given by their ``id()``, is left out. ``undecided``: the
    lines of the items of containers of which nobody knows yet whether they grow.
    """
    keepers: dict[int, LiveKeeper] = {}
    for line, newest in objects.items():
        found = [paths[id(obj)] for obj in newest if id(obj) in paths]
        on_paths = {id(obj) for path in found for obj in path.objects}
        if not found or not on_paths.isdisjoint(growing):
            continue
        path, is_cut = _path_to_keeper(found)
        keeper = keepers.setdefault(id(path.links[-1][1]), LiveKeeper(path, is_cut))
        keeper.lines.append(line)
        keeper.behind.update(key for key, lines in undecided.items() if key in on_paths or line in lines)
    return list(keepers.values())


def _path_to_keeper(paths: Sequence[ReferencePath]) -> tuple[ReferencePath, bool]:
    """Return the common part of the paths, else the shortest one, and whether a chain was cut off its end."""
    common = list(takewhile(lambda links: len({id(obj) for _, obj in links}) == 1, zip(*(path.links for path in paths))))
    links = [links[0] for links in common] or min((path.links for path in paths), key=len)
    steps = [label for label, _ in links]
    repeated = [place for place, step in enumerate(steps) if step.startswith(" -> ") and steps.count(step) > 1]
    containers = [place + 1 for place, (_, obj) in enumerate(links) if issubclass(type(obj), _CONTAINERS)]
    end = min([len(links), *repeated[:1], *(containers[:1] if len(links) > MAX_STEPS else ())])
    return ReferencePath(links[:end], links[end - 2][1] if end > 1 else None), end < len(links)
