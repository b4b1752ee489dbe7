"""Recordings keep everything that the analysis judges."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from benchmarks.recording import UNKNOWN, read, recording
from benchmarks.registry import scenarios
from benchmarks.simulated import LEAKS
from otel_memeval.analysis.evidence import (
    BatchedNativeReadings,
    CallWork,
    ChildSeries,
    Evidence,
    HolderSeries,
    KeeperReading,
    ResourceSeries,
    RingBufferReading,
)
from otel_memeval.analysis.judge import judge

(SCENARIO,) = scenarios("leaks_python:keep_1_kib$")


def full_evidence() -> Evidence:
    """Return evidence in which every field has a value of its own."""
    base = next(family for family in LEAKS if family.name == "steady").evidence(1, 20, 3)
    holders = (
        HolderSeries(id=1, lengths=tuple(range(21)), bound=500, type="list", limit="len(x) < 500 at a.py:3", path="m.A"),
        HolderSeries(
            id=2,
            lengths=tuple(range(21)),
            type="lru_cache",
            only_misses=True,
            bookkeeping=True,
            items_seen=20,
            items={("scenario.py", 1): 40},
            storage=("scenario.py", 2),
            reused={(("scenario.py", 3), ("scenario.py", 1)): 64},
        ),
    )
    return msgspec.structs.replace(
        base,
        module="leaks_python",
        mapped=tuple(range(21)),
        page_caches=tuple(range(21)),
        page_cache_limit_bytes=2_000_000,
        batched_native=BatchedNativeReadings(calls_apart=8, native=tuple(range(21))),
        holders=holders,
        ring_buffers=(RingBufferReading(id=3, length=4, bound=9, limit="", lines=frozenset([("scenario.py", 1)])),),
        keepers=(
            KeeperReading(
                id=4, path="m.H", type="list", length=9, lines=frozenset([("scenario.py", 2)]), behind=frozenset([1])
            ),
        ),
        input_tokens=tuple(range(20)),
        resources=(ResourceSeries(name="threads", counts=tuple(range(21))),),
        children=(ChildSeries(process=7, text="python", private_bytes=tuple(range(21))),),
        child_bytes=tuple(range(21)),
        call_work=CallWork(computes=True, communicates=False, dropped=()),
        noop_peak_bytes=279,
        awaits_nothing=True,
    )


def test_recording_gives_back_the_evidence(tmp_path: Path) -> None:
    """Evidence that is written to a file and read again is the same."""
    path = tmp_path / "recordings.json"
    evidence = full_evidence()
    path.write_bytes(msgspec.json.encode(recording(SCENARIO, 7, "leaking", evidence)) + b"\n")
    (recorded,) = read(path)
    assert (recorded.target, recorded.seed, recorded.state) == ("leaks_python:keep_1_kib", 7, "leaking")
    assert recorded.evidence() == evidence


def test_every_field_of_the_evidence_is_recorded() -> None:
    """The evidence of these tests has a value of its own in each field, except for growth that a user ignores."""
    evidence = full_evidence()
    container = evidence.holders[1]
    empty = ["failed", "ignored_sites", "ignored_resources", "ignored_holders"]
    assert [name for name in evidence.__struct_fields__ if not getattr(evidence, name)] == empty
    assert [name for name in container.__struct_fields__ if not getattr(container, name)] == ["bound", "limit", "path"]


def test_container_that_was_not_described_is_recorded_and_not_judged(tmp_path: Path) -> None:
    """A container that was gone at the end keeps its series in the file, but is no evidence."""
    evidence = full_evidence()
    gone = HolderSeries(id=9, lengths=tuple(range(21)))
    recorded = recording(SCENARIO, 1, "leaking", msgspec.structs.replace(evidence, holders=(gone, *evidence.holders)))
    assert [holder[1] for holder in recorded.holders] == [UNKNOWN, "m.A", ""]
    assert [holder.id for holder in recorded.evidence().holders] == [1, 2]


def test_recording_of_an_older_version_is_still_read(tmp_path: Path) -> None:
    """A file without the fields that were added later gives the same verdict as evidence without them."""
    path = tmp_path / "recordings.json"
    evidence = next(family for family in LEAKS if family.name == "steady").evidence(1, 20, 3)
    fields = msgspec.to_builtins(recording(SCENARIO, 1, "leaking", evidence))
    for name in (
        "mapped",
        "batched_native",
        "ring_buffers",
        "keepers",
        "input_tokens",
        "limits",
        "bookkeeping",
        "contents",
        "reused",
        "page_caches",
        "page_cache_limit_bytes",
    ):
        del fields[name]
    path.write_text(json.dumps(fields) + "\n", encoding="utf-8")
    (recorded,) = read(path)
    assert judge(recorded.evidence()) == judge(evidence)
