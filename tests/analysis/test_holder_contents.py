"""What containers' newest items say about the lines that grow."""

from __future__ import annotations

import pytest

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.growth import GrowingHolder, GrowingSite
from otel_memeval.analysis.holder_contents import HolderContents, growth_from_items, mark_bounded_sites, sites_from_items
from otel_memeval.records import Channels, Growth

LEAK, FILL = ("m.py", 3), ("m.py", 9)


def contents(
    items: dict[SiteKey, int], *, bound: int | None = None, rate: float = 1.0, storage: SiteKey | None = None
) -> HolderContents:
    """A container that gains ``rate`` items an iteration, of whose newest 20 this is known."""
    holder = GrowingHolder(id=1, length=40, items_per_iteration=rate, bound=bound)
    return HolderContents(holder=holder, items_seen=20, items=items, storage=storage)


def site(key: SiteKey, bytes_per_iteration: float = 100.0) -> GrowingSite:
    """A growing line."""
    return GrowingSite(key=key, bytes_per_iteration=bytes_per_iteration, retained_bytes=2000, blocks=20)


def evidence(**sites: tuple[int, ...]) -> Evidence:
    """A run in which these lines of ``m.py`` changed."""
    return Evidence(
        warmup=3, failed=0, retained=(), peak=(), native=(), process=(), holders=(), work=(),
        sites={("m.py", int(line[1:])): values for line, values in sites.items()}, blocks={LEAK: 7},
    )  # fmt: skip


def test_what_items_take_an_iteration() -> None:
    """Bytes of an item times items an iteration; nothing is said where no item says a line."""
    held = contents({LEAK: 2000, FILL: 400}, rate=0.5)
    assert (held.bytes_of(LEAK), held.bytes_of(("m.py", 1)), held.bytes_per_iteration) == (50.0, 0.0, 60.0)
    assert contents({}).bytes_per_iteration is None


@pytest.mark.parametrize(("live_bytes", "told_apart"), [(1000, False), (1001, True)])
def test_a_line_is_told_apart_when_bounded_containers_explain_half(live_bytes: int, told_apart: bool) -> None:
    """On both sides of the limit."""
    bounded = contents({FILL: live_bytes}, bound=64)
    assert [one.bounded for one in mark_bounded_sites([site(FILL)], [bounded])] == [told_apart]


def test_a_line_that_also_fills_an_endless_container_leaks() -> None:
    """One line may fill both: then it stays with the leaks."""
    both = [contents({LEAK: 2000}, bound=64), contents({LEAK: 10})]
    assert mark_bounded_sites([site(LEAK)], both) == (site(LEAK),)


def test_the_first_container_that_says_a_line_is_believed() -> None:
    """Bounded ones and those that say nothing are passed over; most bytes first."""
    said = [contents({FILL: 9000}, bound=64), contents({}), contents({FILL: 200, LEAK: 2000})]
    first, second = sites_from_items(said, evidence(L3=(0, 500)))
    assert (first.key, first.bytes_per_iteration, first.retained_bytes, first.blocks) == (LEAK, 100.0, 500, 7)
    assert (second.key, second.bytes_per_iteration, second.retained_bytes) == (FILL, 10.0, 0)
    assert sites_from_items([], evidence()) == ()


def test_the_line_that_made_room_stands_for_items_without_one() -> None:
    """A list of references alone: the growth of its own block, from the line's series; none if that never changed."""
    (named,) = sites_from_items([contents({}, storage=LEAK)], evidence(L3=(88, 88, 120, 120, 184)))
    assert (named.key, named.bytes_per_iteration, named.retained_bytes) == (LEAK, 24.0, 184)
    (unchanged,) = sites_from_items([contents({}, storage=FILL)], evidence())
    assert (unchanged.key, unchanged.bytes_per_iteration) == (FILL, 0.0)


def test_items_give_the_figure_only_where_noise_hides_it() -> None:
    """A clear slope stays, lines' own series stay; a wide interval gives way, and still holds the new figure."""
    clear = Channels(retained=Growth(bytes_per_iteration=100, ci_low=95, ci_high=105))
    noisy = Channels(retained=Growth(bytes_per_iteration=100, ci_low=94, ci_high=105))
    sites = [site(LEAK, 40.0)]
    assert growth_from_items(clear, sites, []) == clear
    assert growth_from_items(noisy, sites, sites) == noisy
    assert growth_from_items(noisy, [], []) == noisy
    assert growth_from_items(Channels(), sites, []) == Channels()
    assert growth_from_items(noisy, sites, []).retained == Growth(bytes_per_iteration=40, ci_low=40, ci_high=105)
