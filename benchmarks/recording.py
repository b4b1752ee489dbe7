"""Keep the series of one run in a file: one line of JSON for each run."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.corpus.ground import Scenario
from benchmarks.registry import target_name
from otel_memeval.analysis.evidence import (
    BatchedNativeReadings,
    CallWork,
    ChildSeries,
    Evidence,
    HolderSeries,
    IterationWork,
    KeeperReading,
    ResourceSeries,
    RingBufferReading,
    SiteKey,
)

_NAMES_A_LINE = re.compile(r" at \S+:\d+$")

UNKNOWN = "?"
"""Path and type of a container that was gone at the end, or that holds nothing itself."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The series of one run. Fields with a default are missing in older files."""

    target: str
    seed: int
    lines: list[int]
    """The lines that leak, when the run was recorded."""
    state: str
    warmup: int
    failed: int
    retained: tuple[int, ...]
    peak: tuple[int, ...]
    native: tuple[int, ...]
    process: tuple[int, ...]
    sites: list[tuple[str, int, tuple[int, ...], int]]
    """File, line, series and blocks."""
    holders: list[tuple[int, str, str, int | None, tuple[int, ...]]]
    """Id, path, type, bound and series."""
    work: tuple[IterationWork, ...]
    awaits_nothing: bool
    noop_peak_bytes: int = 0
    only_misses: list[int] = []
    """Ids of caches without a hit."""
    mapped: tuple[int, ...] = ()
    page_caches: tuple[int, ...] = ()
    page_cache_limit_bytes: int | None = None
    readings_every: int = 1
    batched_native: BatchedNativeReadings | None = None
    ring_buffers: tuple[RingBufferReading, ...] = ()
    keepers: tuple[KeeperReading, ...] = ()
    input_tokens: tuple[int, ...] = ()
    resources: tuple[ResourceSeries, ...] = ()
    children: tuple[ChildSeries, ...] = ()
    child_bytes: tuple[int, ...] = ()
    call_work: CallWork | None = None
    limits: dict[int, str] = {}
    """Bounds in words, by id of the container."""
    bookkeeping: list[int] = []
    """Ids of containers that hold only weak references."""
    contents: list[tuple[int, int, list[tuple[str, int, int]], SiteKey | None]] = []
    """Newest items of containers: id, items measured, file, line and bytes of those, and the site that made room."""
    reused: list[tuple[int, SiteKey, SiteKey, int]] = []
    """Bytes of those items in re-used blocks: id of the container, site of the blocks, site that uses them, bytes."""

    def without_code_bounds(self) -> Recording:
        """Return the recording without the bounds that were read off source code; their words name a line."""
        read = {key for key, words in self.limits.items() if _NAMES_A_LINE.search(words)}
        return msgspec.structs.replace(
            self,
            holders=[
                (key, path, kind, None if key in read else bound, values) for key, path, kind, bound, values in self.holders
            ],
            limits={key: words for key, words in self.limits.items() if key not in read},
        )

    def evidence(self) -> Evidence:
        """Return the evidence that the analysis judges."""
        return Evidence(
            module=self.target.partition(":")[0],
            warmup=self.warmup,
            failed=self.failed,
            retained=self.retained,
            peak=self.peak,
            native=self.native,
            batched_native=self.batched_native,
            process=self.process,
            mapped=self.mapped,
            page_caches=self.page_caches,
            page_cache_limit_bytes=self.page_cache_limit_bytes,
            readings_every=self.readings_every,
            sites={(file, line): values for file, line, values, _ in self.sites},
            blocks={(file, line): blocks for file, line, _, blocks in self.sites},
            holders=self._holders(),
            ring_buffers=self.ring_buffers,
            keepers=self.keepers,
            work=self.work,
            input_tokens=self.input_tokens,
            resources=self.resources,
            children=self.children,
            child_bytes=self.child_bytes,
            call_work=self.call_work,
            noop_peak_bytes=self.noop_peak_bytes,
            awaits_nothing=self.awaits_nothing,
        )

    def _holders(self) -> tuple[HolderSeries, ...]:
        contents = {key: (items_seen, items, storage) for key, items_seen, items, storage in self.contents}
        found = []
        for key, path, type_name, bound, lengths in self.holders:
            if type_name == UNKNOWN:
                continue
            items_seen, items, storage = contents.get(key, (0, [], None))
            found.append(
                HolderSeries(
                    id=key,
                    lengths=lengths,
                    bound=bound,
                    type=type_name,
                    path=path,
                    only_misses=key in self.only_misses,
                    limit=self.limits.get(key, ""),
                    bookkeeping=key in self.bookkeeping,
                    items_seen=items_seen,
                    items={(file, line): live_bytes for file, line, live_bytes in items},
                    storage=storage,
                    reused={(source, user): bytes_ for owner, source, user, bytes_ in self.reused if owner == key},
                )
            )
        return tuple(found)


def recording(scenario: Scenario, seed: int, state: str, evidence: Evidence) -> Recording:
    """Return the recording of a run."""
    return Recording(
        target=target_name(scenario),
        seed=seed,
        lines=sorted(scenario.lines()),
        state=state,
        warmup=evidence.warmup,
        failed=evidence.failed,
        retained=evidence.retained,
        peak=evidence.peak,
        native=evidence.native,
        process=evidence.process,
        sites=[(*_shortened(key), values, evidence.blocks.get(key, 0)) for key, values in evidence.sites.items()],
        holders=[
            (holder.id, holder.path if holder.type else UNKNOWN, holder.type or UNKNOWN, holder.bound, holder.lengths)
            for holder in evidence.holders
        ],
        work=evidence.work,
        awaits_nothing=evidence.awaits_nothing,
        noop_peak_bytes=evidence.noop_peak_bytes,
        only_misses=[holder.id for holder in evidence.holders if holder.only_misses],
        mapped=evidence.mapped,
        page_caches=evidence.page_caches,
        page_cache_limit_bytes=evidence.page_cache_limit_bytes,
        readings_every=evidence.readings_every,
        batched_native=evidence.batched_native,
        ring_buffers=tuple(
            msgspec.structs.replace(ring, lines=frozenset(map(_shortened, ring.lines))) for ring in evidence.ring_buffers
        ),
        keepers=tuple(
            msgspec.structs.replace(keeper, lines=frozenset(map(_shortened, keeper.lines))) for keeper in evidence.keepers
        ),
        input_tokens=evidence.input_tokens,
        resources=evidence.resources,
        children=evidence.children,
        child_bytes=evidence.child_bytes,
        call_work=evidence.call_work,
        limits={holder.id: holder.limit for holder in evidence.holders if holder.limit},
        bookkeeping=[holder.id for holder in evidence.holders if holder.bookkeeping],
        reused=[
            (holder.id, _shortened(source), _shortened(user), live_bytes)
            for holder in evidence.holders
            for (source, user), live_bytes in holder.reused.items()
        ],
        contents=[_contents(holder) for holder in evidence.holders if holder.items_seen or holder.storage is not None],
    )


def _contents(holder: HolderSeries) -> tuple[int, int, list[tuple[str, int, int]], SiteKey | None]:
    items = [(*_shortened(key), live_bytes) for key, live_bytes in holder.items.items()]
    return holder.id, holder.items_seen, items, None if holder.storage is None else _shortened(holder.storage)


def _shortened(key: SiteKey) -> SiteKey:
    """Return the site without the folder of this checkout or of the interpreter, so that recordings compare."""
    return "/".join(key[0].split("/")[-2:]), key[1]


def read(path: Path) -> list[Recording]:
    """Return all recordings of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [msgspec.convert(json.loads(line), Recording, strict=False) for line in lines]


def show(recorded: Recording) -> None:
    """Print the series of one run."""
    print(f"{recorded.target} seed {recorded.seed}: {recorded.state}")
    print(f"  retained {_steps(recorded.retained)}\n  peak     {_steps(recorded.peak)}")
    print(f"  native   {_steps(recorded.native)}\n  process  {_steps(recorded.process)}")
    for file, line, values, blocks in sorted(recorded.sites, key=lambda site: site[2][0] - site[2][-1]):
        if len(set(values)) > 1:
            print(f"  {file}:{line} ({blocks} blocks) {_steps(values)}")
    for _, path, type_name, bound, lengths in recorded.holders:
        if lengths[-1] - lengths[0] >= 2 or max(lengths) - min(lengths) > 3:
            print(f"  holder {path} ({type_name}, bound {bound}) {_steps(lengths)}")


def _steps(values: tuple[int, ...]) -> str:
    """Return a series as its first value and its steps; equal steps are folded."""
    if not values:
        return "-"
    parts: list[tuple[int, int]] = []
    for before, after in pairwise(values):
        step = after - before
        if parts and parts[-1][0] == step:
            parts[-1] = (step, parts[-1][1] + 1)
        else:
            parts.append((step, 1))
    return f"{values[0]} | " + " ".join(f"{step:+d}" + (f"x{times}" if times > 1 else "") for step, times in parts)
