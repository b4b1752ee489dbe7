"""What a bound does to the verdict: near enough or too far, in items or not, of bookkeeping, of lists that take in."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.evidence import RingBuffer, SiteKey
from otel_memeval.analysis.growth import MOST_BYTES_TO_FILL, MOST_ITERATIONS_TO_FILL
from otel_memeval.analysis.judge import judge
from tests.analysis.test_judge import LINE, OTHER, holder, leak, levels

STEPS = [1] * 20


@pytest.mark.parametrize(
    ("size", "bound", "state"),
    [
        (64, 20 + MOST_ITERATIONS_TO_FILL, "bounded"),
        (64, 21 + MOST_ITERATIONS_TO_FILL, "leaking"),
        (1 << 20, 20 + (MOST_BYTES_TO_FILL >> 20), "bounded"),
        (1 << 20, 21 + (MOST_BYTES_TO_FILL >> 20), "leaking"),
    ],
)
def test_a_bound_out_of_reach_is_none(size: int, bound: int, state: str) -> None:
    """More iterations or more memory away than anybody has; the reasons say so."""
    judgement = judge(leak(size, holders=(holder(*STEPS, bound=bound),)))
    assert judgement.state == state
    assert any("too far away" in reason for reason in judgement.reasons) is (state == "leaking")


@pytest.mark.parametrize(("limit", "state"), [("used > max_bytes (6 of 9)", "bounded"), ("", "leaking")])
def test_a_limit_that_is_not_counted_in_items_bounds_as_well(limit: str, state: str) -> None:
    """And stands in the reason."""
    held = msgspec.structs.replace(holder(*STEPS), limit=limit)
    judgement = judge(leak(64, holders=(held,)))
    assert judgement.state == state
    assert not limit or limit in judgement.reasons[0]


@pytest.mark.parametrize(("bookkeeping", "state"), [(True, "native-leak"), (False, "bounded")])
def test_bookkeeping_hides_no_native_leak(bookkeeping: bool, state: str) -> None:
    """No memory hangs on weak references: what grows in C beside them is told."""
    held = msgspec.structs.replace(holder(*STEPS, bound=200), bookkeeping=bookkeeping)
    assert judge(leak(72, holders=(held,), native=levels(*[8_000] * 20))).state == state


@pytest.mark.parametrize(
    ("lines", "state"), [({LINE, OTHER}, "bounded"), ({LINE}, "bounded"), ({OTHER}, "leaking"), (set(), "leaking")]
)
def test_a_list_that_takes_in_what_grows_and_ends(lines: set[SiteKey], state: str) -> None:
    """Bounded if everything that grows lies in such a list; never while a container grows without a bound."""
    ring = RingBuffer(id=7, length=23, bound=64, limit="41 of its 64 slots are still None", lines=frozenset(lines))
    judgement = judge(leak(64, ring_buffers=(ring,)))
    assert judgement.state == state
    assert [one.items_per_iteration for one in judgement.holders] == ([1.0] if state == "bounded" else [])
    assert judge(leak(64, ring_buffers=(ring,), holders=(holder(*STEPS),))).state == "leaking"
