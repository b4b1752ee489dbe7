"""Bounds and the verdict: near or distant, counted in items or not, of bookkeeping, of ring buffers."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.evidence import KeeperReading, RingBufferReading, SiteKey
from otel_memeval.analysis.judge import judge
from tests.analysis.test_judge import LINE, OTHER, holder, leak, levels

STEPS = [1] * 20


@pytest.mark.parametrize(
    ("size", "bound", "state"),
    [
        (64, 1_000_020, "bounded"),
        (64, 1_000_021, "leaking"),
        (1 << 20, 20 + (1 << 16), "bounded"),
        (1 << 20, 21 + (1 << 16), "leaking"),
    ],
)
def test_distant_bound_does_not_count(size: int, bound: int, state: str) -> None:
    """A bound that needs more iterations or more memory than the limits does not count, and the reasons say so."""
    judgement = judge(leak(size, holders=(holder(*STEPS, bound=bound),)))
    assert judgement.state == state
    assert any("too far away" in reason for reason in judgement.reasons) is (state == "leaking")


@pytest.mark.parametrize(("limit", "state"), [("used > max_bytes (6 of 9)", "bounded"), ("", "leaking")])
def test_limit_that_is_not_counted_in_items_is_a_bound(limit: str, state: str) -> None:
    """A limit in another measure bounds the container, and the reason names it."""
    held = msgspec.structs.replace(holder(*STEPS), limit=limit)
    judgement = judge(leak(64, holders=(held,)))
    assert judgement.state == state
    assert not limit or limit in judgement.reasons[0]


CURSORS = msgspec.structs.replace(
    holder(*STEPS, bound=200),
    limit="forgets dead cursors",
    bookkeeping=True,
    type="list",
    items={LINE: 72},
    items_seen=1,
)
"""A list that gains a weak reference of 72 bytes in each iteration; two places for it are 16 bytes."""


@pytest.mark.parametrize(("size", "state"), [(72, "stable"), (72 + 16 + 47, "stable"), (72 + 16 + 48, "leaking")])
def test_bounded_weak_references_are_no_growth(size: int, state: str) -> None:
    """A site that grows by bounded weak references only is not judged, and a note names them; 48 bytes more are a leak."""
    judgement = judge(leak(size, holders=(CURSORS,)))
    assert judgement.state == state
    assert ([site.key for site in judgement.sites], judgement.holders) == ([] if state == "stable" else [LINE], ())
    note = "a list of 20 weak references grows, to at most 200, and no other memory hangs on it: forgets dead cursors"
    assert (note in judgement.reasons) is (state == "stable")


@pytest.mark.parametrize(("size", "state"), [(88 + 16 + 47, "stable"), (88 + 16 + 48, "leaking")])
def test_weak_references_that_were_not_measured_have_88_bytes(size: int, state: str) -> None:
    """A reference that is older than the tracing has no site: the size of a weak reference counts for any line."""
    unmeasured = msgspec.structs.replace(CURSORS, items={}, items_seen=0)
    assert judge(leak(size, holders=(unmeasured,))).state == state


def test_weak_references_without_a_bound_leak() -> None:
    """Nothing ends a list of weak references without a bound."""
    unbounded = msgspec.structs.replace(CURSORS, bound=None, limit="")
    judgement = judge(leak(72, holders=(unbounded,)))
    assert (judgement.state, [held.id for held in judgement.holders]) == ("leaking", [CURSORS.id])


def test_bounded_weak_references_hide_no_native_leak() -> None:
    """Growth of the C heap beside a bounded list of weak references is a native leak; beside other items it is not."""
    native = levels(*[8_000] * 20)
    assert judge(leak(72, holders=(CURSORS,), native=native)).state == "native-leak"
    items = msgspec.structs.replace(CURSORS, bookkeeping=False)
    assert judge(leak(72, holders=(items,), native=native)).state == "bounded"


@pytest.mark.parametrize(
    ("lines", "state"), [({LINE, OTHER}, "bounded"), ({LINE}, "bounded"), ({OTHER}, "leaking"), (set(), "leaking")]
)
def test_ring_buffer_bounds_growth_when_it_holds_all_of_it(lines: set[SiteKey], state: str) -> None:
    """Growth is bounded if a ring buffer holds the memory of each growing site and no container grows without a bound."""
    ring = RingBufferReading(id=7, length=23, bound=64, limit="41 of its 64 slots are still None", lines=frozenset(lines))
    judgement = judge(leak(64, ring_buffers=(ring,)))
    assert judgement.state == state
    assert [growing.items_per_iteration for growing in judgement.holders] == ([1.0] if state == "bounded" else [])
    assert judge(leak(64, ring_buffers=(ring,), holders=(holder(*STEPS),))).state == "leaking"


@pytest.mark.parametrize(
    ("lines", "behind", "state"),
    [({LINE}, frozenset(), "leaking"), ({OTHER}, frozenset(), "bounded"), ({LINE}, frozenset([1]), "bounded")],
)
def test_memory_outside_of_a_bounded_container_is_a_leak(lines: set[SiteKey], behind: frozenset[int], state: str) -> None:
    """A list that is made anew keeps a growing site beside a cache that fills: unless it is the cache's, that is a leak."""
    keeper = KeeperReading(id=7, path="m.STATE", type="list", length=23, lines=frozenset(lines), behind=behind)
    filling = holder(*STEPS, bound=500)
    judgement = judge(leak(64, keepers=(keeper,), holders=(filling,)))
    assert judgement.state == state
    assert [growing.id for growing in judgement.holders] == [filling.id, *([7] if state == "leaking" else [])]


@pytest.mark.parametrize(("size", "state"), [(52, "bounded"), (53, "leaking")])
def test_keeper_counts_from_a_twentieth_of_the_growth_on(size: int, state: str) -> None:
    """An object that keeps one of twenty bytes beside a container that fills up may be a library's last statement."""
    filling = msgspec.structs.replace(holder(*STEPS, bound=64), id=3)
    lines = {LINE: levels(*[1_000] * 20, start=0), OTHER: levels(*[size] * 20, start=0)}
    keeper = KeeperReading(id=7, path="m.LAST", type="Node", length=1, lines=frozenset([OTHER]), behind=frozenset())
    run = leak(1_000 + size, keepers=(keeper,), holders=(filling,))
    judgement = judge(msgspec.structs.replace(run, sites=lines, blocks={}))
    assert judgement.state == state
    assert (7 in [held.id for held in judgement.holders]) is (state == "leaking")


def test_keeper_of_a_leak_has_the_growth_of_its_sites() -> None:
    """Its items per iteration are those of a container, none of another object; it comes before bounded containers."""
    lines = frozenset({LINE})
    for length, rate in ((23, 1.0), (None, 0.0)):
        keeper = KeeperReading(id=7, path="m.HEAD", type="Node", length=length, lines=lines, behind=frozenset())
        filling = msgspec.structs.replace(holder(*STEPS, bound=500), type="dict")
        first = assess(leak(64, keepers=(keeper,), holders=(filling,))).holders[0]
        assert (first.path, first.bytes_per_iteration, first.holder.items_per_iteration) == ("m.HEAD", 64.0, rate)
