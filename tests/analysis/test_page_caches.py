"""Growth of SQLite's page caches is bounded; other growth of the C heap beside it is a native leak."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.simulation.series import evidence
from otel_memeval.analysis.evidence import BatchedNativeReadings
from otel_memeval.analysis.judge import judge

LIMIT_BYTES = 2_000 * 1024
CACHES = tuple(20_000 + 4_300 * place for place in range(41))


@pytest.mark.parametrize(
    ("leak_bytes", "limit_bytes", "state"),
    [
        (0, LIMIT_BYTES, "bounded"),
        (1_000, LIMIT_BYTES, "native-leak"),
        (0, None, "native-leak"),
        (0, 100_000, "native-leak"),
    ],
)
def test_page_cache_is_bounded_only_within_its_limit(leak_bytes: int, limit_bytes: int | None, state: str) -> None:
    """A C heap that grows by a page cache below its limit is bounded; with a leak or without a limit it leaks."""
    native = tuple(4_000_000 + cached + leak_bytes * place for place, cached in enumerate(CACHES))
    run = msgspec.structs.replace(evidence(native, "native", 3), page_caches=CACHES, page_cache_limit_bytes=limit_bytes)
    judgement = judge(run)
    assert judgement.state == state
    if state == "bounded":
        assert judgement.reasons == (
            "SQLite's page cache of 188 KiB grows by 4.20 KiB per iteration, to at most about 1.95 MiB (PRAGMA cache_size)",
        )


@pytest.mark.parametrize(("uncounted_bytes", "state"), [(600, "bounded"), (2_700, "bounded"), (2_900, "native-leak")])
def test_memory_that_sqlite_does_not_count_grows_with_its_pages(uncounted_bytes: int, state: str) -> None:
    """Twenty pages an iteration have some bytes each beside: 3.2% of the growth are part of it, and more is a leak."""
    caches = tuple(300_000 + 86_000 * place for place in range(21))
    native = tuple(28_000_000 + cached + uncounted_bytes * place for place, cached in enumerate(caches))
    run = msgspec.structs.replace(evidence(native, "native", 3), page_caches=caches, page_cache_limit_bytes=LIMIT_BYTES)
    assert judge(run).state == state


@pytest.mark.parametrize(("leak_bytes", "state"), [(0, "stable"), (2_000, "native-leak")])
def test_page_cache_that_fills_during_batched_readings_is_no_leak(leak_bytes: int, state: str) -> None:
    """Batched readings call the scenario further, and a page cache grows meanwhile: it is left out there as well."""
    caches = tuple(500_000 + 43_000 * place for place in range(21))
    native = tuple(28_000_000 + cached + leak_bytes * 8 * place for place, cached in enumerate(caches))
    batched = BatchedNativeReadings(calls_apart=8, native=native, page_caches=caches)
    run = msgspec.structs.replace(
        evidence((28_000_000,) * 21, "native", 3),
        page_caches=(500_000,) * 21,
        page_cache_limit_bytes=LIMIT_BYTES,
        batched_native=batched,
    )
    assert judge(run).state == state


def test_page_cache_that_is_full_is_stable() -> None:
    """A page cache that keeps its size is no growth."""
    run = msgspec.structs.replace(
        evidence((4_000_000,) * 41, "native", 3), page_caches=(LIMIT_BYTES,) * 41, page_cache_limit_bytes=LIMIT_BYTES
    )
    assert judge(run).state == "stable"
