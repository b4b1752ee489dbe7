"""Describe growing containers: their reference paths, their items, and their bounds."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Callable, Collection, Iterator, Mapping

from .bounds import Bound, bounds_of
from .memory.container_lengths import LruCache, find_containers, hits, length
from .memory.heap import LiveBySite, Site
from .memory.reading import PlainMessage
from .memory.sqlite import page_cache_limit
from .references.items import ReusedTables, holds_weakly, is_bookkeeping, lines_of_storage, sites_of
from .references.keepers import LiveKeeper, find_keepers, newest_objects
from .references.paths import find_paths
from .references.referents import type_name
from .references.ring_buffers import LiveRingBuffer, empty_slots, find_ring_buffers
from .references.roots import PathRoots, containers_of_the_interpreter, subclass_tables

MAX_BOUND_CHARACTERS = 200
"""Length at which the code that sets a bound is cut off, so that it fits a line or two of the report."""


@contextlib.contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the lists and syntax trees that are made in the block from starting collections of the whole heap."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_collector_off()
def describe_containers(
    wanted: Collection[int],
    grown: Mapping[Site, int],
    scenario_module: str,
    is_own: Callable[[str], bool],
    undecided: Collection[int] = (),
    leaking: Collection[Site] = (),
    young: Collection[object] = (),
    end_seconds: float = math.inf,
) -> PlainMessage:
    """Return the message that describes containers and ring buffers; the heap is walked once for both.

    ``wanted``: the ``id()`` of each container to describe, in the order in which bounds are searched for. Containers that no
    longer live, and containers that hold other objects weakly, are left out. ``grown``: live blocks of each line whose live
    memory rose, 0 if none is left. Ring buffers are lists of constant length that hold memory of these lines; only those
    with a bound are described. ``leaking``: lines that keep growing; those with objects in no container are described by the
    objects that keep them; ``young`` are the newest objects of the process, as far as they are known. ``undecided``: the
    ``wanted`` containers that may not grow. After ``end_seconds`` of the clock,
    bounds decide nothing once a container that grows has none: no further one is searched for, and the message has the ids
    of the containers without that search.
    """
    if not wanted and not grown and not leaking:  # the heap need not be walked
        return _message([], [], [], [])
    containers = find_containers()
    numbers = {key: place for place, key in enumerate(wanted)}
    alive = {id(container): container for container in containers if id(container) in numbers}
    alive = {key: alive[key] for key in sorted(alive, key=numbers.__getitem__)}
    rings = {id(ring.container): ring for ring in find_ring_buffers(containers, grown)}
    items = {key: sites_of(container, is_own) for key, container in alive.items()}
    in_items = {site for key, (_, sites, _) in items.items() if key not in undecided for site in sites}
    objects = newest_objects([site for site in leaking if site not in in_items], containers, young)
    newest = [obj for of_line in objects.values() for obj in of_line]
    paths = find_paths([*alive.values(), *(ring.container for ring in rings.values())], scenario_module, newest)
    alive = {key: obj for key, obj in alive.items() if not holds_weakly(obj, paths[key].owner if key in paths else None)}
    unreached = [obj for key, obj in alive.items() if key not in paths]
    tables = dict(subclass_tables(unreached))
    if len(tables) < len(alive):  # their references are weak: another container keeps the classes
        alive = {key: obj for key, obj in alive.items() if key not in tables}
    words = {**containers_of_the_interpreter(unreached), **tables}
    roots = PathRoots(scenario_module, words)
    texts = {**words, **{key: roots.text(path) for key, path in paths.items() if key in alive or key in rings}}
    full = {key: ring.container for key, ring in rings.items() if key in paths and not empty_slots(ring.container)}
    bounds, unsearched = bounds_of({**full, **alive}, paths, grown, alive.keys() - set(undecided), end_seconds)
    keepers = find_keepers(
        objects,
        paths,
        (alive.keys() | bounds.keys()) - set(undecided),
        {key: items[key][1].keys() for key in alive if key in undecided},
    )
    return _message(
        _holders(alive, texts, bounds, grown, items),
        [
            _ring_buffer(rings[key], texts[key], bounds.get(key))
            for key in paths
            if key in rings and (key not in full or key in bounds)
        ],
        [_keeper(keeper, roots) for keeper in keepers],
        unsearched,
    )


def _message(
    holders: list[PlainMessage],
    ring_buffers: list[PlainMessage],
    keepers: list[PlainMessage],
    unsearched: list[int],
) -> PlainMessage:
    return {
        "kind": "holders",
        "page_cache_limit_bytes": page_cache_limit(),
        "unsearched": unsearched,
        "holders": holders,
        "ring_buffers": ring_buffers,
        "keepers": keepers,
    }


def _holders(
    alive: Mapping[int, object],
    texts: Mapping[int, str],
    bounds: Mapping[int, Bound],
    grown: Mapping[Site, int],
    items: Mapping[int, tuple[int, LiveBySite, ReusedTables]],
) -> list[PlainMessage]:
    storage = lines_of_storage([container for key, container in alive.items() if not items[key][1]], grown)
    return [
        {
            "id": key,
            "path": texts.get(key),
            "type": "lru_cache" if type(container) is LruCache else type_name(container),
            "length": length(container),
            "items_seen": items[key][0],
            "items": [(*site, *live) for site, live in items[key][1].items()],
            "reused": [(*booked, *site, size) for (booked, site), size in items[key][2].items()],
            "storage": storage.get(key),
            "hits": hits(container),
            "bookkeeping": is_bookkeeping(container),
            **_bound_fields(bounds.get(key)),
        }
        for key, container in alive.items()
    ]


def _ring_buffer(ring: LiveRingBuffer, path: str, bound: Bound | None) -> PlainMessage:
    slots, empty = len(ring.container), empty_slots(ring.container)
    if empty:
        bound = Bound(slots, f"{empty} of its {slots} slots are still None")
    return {
        "id": id(ring.container),
        "path": path,
        "type": "list",
        "length": slots - empty,
        "lines": list(ring.lines),
        **_bound_fields(bound),
    }


def _keeper(keeper: LiveKeeper, roots: PathRoots) -> PlainMessage:
    return {
        "id": id(keeper.obj),
        "path": roots.text(keeper.path),
        "type": type_name(keeper.obj),
        "length": keeper.length,
        "lines": keeper.lines,
        "behind": list(keeper.behind),
    }


def _bound_fields(bound: Bound | None) -> PlainMessage:
    if bound is None:
        return {"bound": None}
    return {
        "bound": bound.max_items,
        "bound_text": bound.text[:MAX_BOUND_CHARACTERS],
        "bound_file": bound.file,
        "bound_line": bound.line,
    }
