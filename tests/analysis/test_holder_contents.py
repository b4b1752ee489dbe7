"""Newest items of growing containers, and the sites that grow."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.evidence import Evidence, HolderSeries, SiteKey
from otel_memeval.analysis.holder_contents import (
    HolderContents,
    growth_from_items,
    holders_in_order,
    mark_bounded_sites,
    move_reused_blocks,
    sites_from_items,
)
from otel_memeval.analysis.sites_and_holders import GrowingHolder, GrowingSite
from otel_memeval.records import Channels, Growth

LEAK, FILL = ("m.py", 3), ("m.py", 9)


def contents(
    items: dict[SiteKey, int], *, bound: int | None = None, rate: float = 1.0, storage: SiteKey | None = None
) -> HolderContents:
    """Return a container that gains ``rate`` items per iteration and whose newest 20 items have these bytes."""
    holder = GrowingHolder(id=1, length=40, items_per_iteration=rate, bound=bound)
    return HolderContents(holder=holder, items_seen=20, items=items, storage=storage)


def site(key: SiteKey, bytes_per_iteration: float = 100.0) -> GrowingSite:
    """Return a growing site."""
    return GrowingSite(key=key, bytes_per_iteration=bytes_per_iteration, retained_bytes=2000, blocks=20)


def evidence(**sites: tuple[int, ...]) -> Evidence:
    """Return a run in which these lines of ``m.py`` changed."""
    return Evidence(
        warmup=3, failed=0, retained=(), peak=(), native=(), process=(), holders=(), work=(),
        sites={("m.py", int(line[1:])): values for line, values in sites.items()}, blocks={LEAK: 7},
    )  # fmt: skip


def test_growth_of_items_is_bytes_per_item_times_items_per_iteration() -> None:
    """The growth of a site's items is their mean size times the items per iteration; unknown without items."""
    held = contents({LEAK: 2000, FILL: 400}, rate=0.5)
    assert (held.bytes_of(LEAK), held.bytes_of(("m.py", 1)), held.bytes_per_iteration) == (50.0, 0.0, 60.0)
    assert contents({}).bytes_per_iteration is None


@pytest.mark.parametrize(("live_bytes", "bounded"), [(1000, False), (1001, True)])
def test_site_is_bounded_when_bounded_containers_explain_more_than_half(live_bytes: int, bounded: bool) -> None:
    """A site is bounded if bounded containers explain more than half of its growth."""
    container = contents({FILL: live_bytes}, bound=64)
    assert [marked.bounded for marked in mark_bounded_sites([site(FILL)], [container])] == [bounded]


def test_site_that_also_fills_an_unbounded_container_is_not_bounded() -> None:
    """A site that fills a bounded and an unbounded container leaks."""
    both = [contents({LEAK: 2000}, bound=64), contents({LEAK: 10})]
    assert mark_bounded_sites([site(LEAK)], both) == (site(LEAK),)


def test_sites_come_from_the_first_unbounded_container_with_a_known_site() -> None:
    """Bounded containers and those without a known site are skipped, and the site with the largest growth comes first."""
    growing = [contents({FILL: 9000}, bound=64), contents({}), contents({FILL: 200, LEAK: 2000})]
    first, second = sites_from_items(growing, evidence(L3=(0, 500)))
    assert (first.key, first.bytes_per_iteration, first.retained_bytes, first.blocks) == (LEAK, 100.0, 500, 7)
    assert (second.key, second.bytes_per_iteration, second.retained_bytes) == (FILL, 10.0, 0)
    assert sites_from_items([], evidence()) == ()


def test_site_that_made_room_is_named_when_no_item_has_a_site() -> None:
    """A list of references grows by its own block: the growth is that of the site that made room in it."""
    (named,) = sites_from_items([contents({}, storage=LEAK)], evidence(L3=(88, 88, 120, 120, 184)))
    assert (named.key, named.bytes_per_iteration, named.retained_bytes) == (LEAK, 24.0, 184)
    (unchanged,) = sites_from_items([contents({}, storage=FILL)], evidence())
    assert (unchanged.key, unchanged.bytes_per_iteration) == (FILL, 0.0)


def test_items_give_the_growth_only_when_noise_hides_it() -> None:
    """A narrow interval and sites with series of their own keep the slope; a wide interval takes that of the items."""
    clear = Channels(retained=Growth(bytes_per_iteration=100, ci_low=95, ci_high=105))
    noisy = Channels(retained=Growth(bytes_per_iteration=100, ci_low=94, ci_high=105))
    sites = [site(LEAK, 40.0)]
    assert growth_from_items(clear, sites, []) == clear
    assert growth_from_items(noisy, sites, sites) == noisy
    assert growth_from_items(noisy, [], []) == noisy
    assert growth_from_items(Channels(), sites, []) == Channels()
    assert growth_from_items(noisy, sites, []).retained == Growth(bytes_per_iteration=40, ci_low=40, ci_high=105)


def order_of(*containers: tuple[str, int, int | None]) -> list[str]:
    """Return the paths in the order of the report; each container has a path, bytes of its items and a bound."""
    series = tuple(
        HolderSeries(
            id=key, lengths=(), path=path, type="list", bound=bound, items_seen=1, items={LEAK: live} if live else {}
        )
        for key, (path, live, bound) in enumerate(containers)
    )
    growing = [
        GrowingHolder(id=key, length=9, items_per_iteration=1.0, bound=series[key].bound) for key in range(len(series))
    ]
    run = msgspec.structs.replace(evidence(), module="m", holders=series)
    return [container.path for container in holders_in_order(growing, run)]


def test_containers_are_ordered_by_the_bytes_of_their_items() -> None:
    """A list of the scenario with small items comes after a library's with large ones, and after one without a path."""
    assert order_of(("m.COUNTS", 0, None), ("lib.KEPT", 9000, None)) == ["lib.KEPT", "m.COUNTS"]
    assert order_of(("m.IDS", 100, None), ("", 9000, None)) == ["", "m.IDS"]


def test_of_containers_with_the_same_growth_the_scenarios_comes_first() -> None:
    """Containers with about the same bytes hold the same memory: the scenario's, then those with a path."""
    assert order_of(("", 9300, None), ("lib.KEPT", 9200, None), ("m.KEPT", 9000, None)) == ["m.KEPT", "lib.KEPT", ""]
    assert order_of(("m.A", 0, None), ("m.B", 0, None)) == ["m.A", "m.B"]


def test_unbounded_container_comes_before_a_bounded_one() -> None:
    """A leak goes on in a container without a bound, whatever is in the bounded ones."""
    assert order_of(("m.CACHE", 9000, 64), ("lib.KEPT", 100, None)) == ["lib.KEPT", "m.CACHE"]


def test_growth_of_reused_blocks_is_moved_to_the_site_that_uses_them() -> None:
    """A site that only has the re-used blocks is gone; one that grows by itself keeps the rest; others stay."""
    container = msgspec.structs.replace(contents({LEAK: 2000}), reused={(FILL, LEAK): 1200})
    (moved,) = move_reused_blocks([site(FILL, 63.0), site(LEAK, 40.0)], [container, container])
    assert (moved.key, moved.bytes_per_iteration, moved.retained_bytes, moved.blocks) == (LEAK, 103.0, 4000, 40)
    leading, rest = move_reused_blocks([site(FILL, 100.0)], [container])
    assert (leading.key, leading.bytes_per_iteration, rest.key, rest.bytes_per_iteration) == (LEAK, 60.0, FILL, 40.0)
    assert move_reused_blocks([site(LEAK)], [container]) == (site(LEAK),)
