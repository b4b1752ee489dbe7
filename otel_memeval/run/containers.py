"""Growing containers: from the worker's description to the evidence, and from the assessment to the result. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from otel_memeval import wire
from otel_memeval.analysis.evidence import HolderSeries, KeeperReading, RingBufferReading
from otel_memeval.analysis.holder_contents import HolderContents
from otel_memeval.records import Holder
from otel_memeval.redact import one_line

MOST_SEARCHED_SITES = 20
"""Growing sites whose memory the worker looks for outside of the growing containers, largest growth first."""

MOST_DESCRIBED = 50
"""Containers that the worker describes, fastest growing first."""


class ContainerDescriptions:
    """The worker's descriptions of growing containers, by their ids."""

    def __init__(self, display_path: Callable[[str], str], secrets: tuple[str, ...]) -> None:
        self._display_path = display_path
        self._secrets = secrets
        self._holders: dict[int, wire.HolderInfo] = {}
        self._ring_buffers: dict[int, wire.RingBufferInfo] = {}
        self._keepers: list[wire.KeeperInfo] = []
        self._without_description: frozenset[int] = frozenset()
        self.page_cache_limit_bytes: int | None = None
        self.unsearched_bounds = 0
        """Number of containers whose bound was not searched for."""

    def add(self, asked: Sequence[int], answer: wire.Holders) -> None:
        """Take the worker's answer to a request for the containers ``asked``."""
        self.page_cache_limit_bytes = answer.page_cache_limit_bytes
        self.unsearched_bounds = len(answer.unsearched)
        self._holders = {holder.id: holder for holder in answer.holders}
        self._ring_buffers = {ring.id: ring for ring in answer.ring_buffers if ring.id not in self._holders}
        described = self._holders.keys() | self._ring_buffers.keys()
        self._keepers = [keeper for keeper in answer.keepers if keeper.id not in described]
        self._without_description = frozenset(asked) - described

    def series(self, lengths: dict[int, tuple[int, ...]]) -> tuple[HolderSeries, ...]:
        """Return the series of each container, ``lengths`` by id.

        Containers that the worker was asked for and did not describe are left out: they are gone, or belong to a weak
        collection.
        """
        return tuple(self._series(key, values) for key, values in lengths.items() if key not in self._without_description)

    def ring_buffers(self) -> tuple[RingBufferReading, ...]:
        """Return the lists of fixed length that fill up."""
        return tuple(
            RingBufferReading(
                id=ring.id,
                path=ring.path or "",
                type=ring.type,
                length=ring.length,
                bound=ring.bound,
                limit=self._limit(ring),
                lines=frozenset(ring.lines),
            )
            for ring in self._ring_buffers.values()
        )

    def keepers(self) -> tuple[KeeperReading, ...]:
        """Return the objects that keep the memory of growing sites in no container that grows."""
        return tuple(
            KeeperReading(
                id=keeper.id,
                path=keeper.path,
                type=keeper.type,
                length=keeper.length,
                lines=frozenset(keeper.lines),
                behind=frozenset(keeper.behind),
            )
            for keeper in self._keepers
        )

    def paths(self) -> dict[int, str]:
        """Return the path to everything that was described, by its id."""
        described = [*self._holders.values(), *self._ring_buffers.values()]
        paths = {info.id: info.path for info in described} | {info.id: info.path for info in self._keepers}
        return {key: path or "" for key, path in paths.items()}

    def _series(self, key: int, lengths: tuple[int, ...]) -> HolderSeries:
        info = self._holders.get(key) or self._ring_buffers.get(key)
        if info is None:
            return HolderSeries(id=key, lengths=lengths)
        return HolderSeries(
            id=key,
            lengths=lengths,
            path=info.path or "",
            type=info.type,
            bound=info.bound,
            limit=self._limit(info),
            only_misses=info.hits == 0,
            bookkeeping=info.bookkeeping,
            items_seen=info.items_seen,
            items={(file, line): live_bytes for file, line, live_bytes, _ in info.items},
            reused={((file, line), (user, user_line)): size for file, line, user, user_line, size in info.reused},
            storage=info.storage,
        )

    def _limit(self, info: wire.HolderInfo) -> str:
        """Return the code that bounds the container: ``len(SESSIONS) >= MAX_SESSIONS at app.py:31``; empty without one."""
        limit = one_line(info.bound_text, self._secrets)
        if not info.bound_file:
            return limit
        return f"{limit} at {self._display_path(info.bound_file)}:{info.bound_line}"


def holder_records(holders: Sequence[HolderContents]) -> list[Holder]:
    """Return the growing containers as the result has them, in the same order.

    Containers with the same path and type are told apart by a number: ``agent.BY_KIND[*] (2 of 3)``.
    """
    same = Counter((contents.path, contents.type) for contents in holders)
    seen: Counter[tuple[str, str]] = Counter()
    numbers = []
    for contents in holders:
        key = (contents.path, contents.type)
        seen[key] += 1
        numbers.append(f" ({seen[key]} of {same[key]})" if contents.path and same[key] > 1 else "")
    return [
        Holder(
            path=contents.path + number,
            type=contents.type,
            length=contents.holder.length,
            items_per_iteration=contents.holder.items_per_iteration,
            bound=contents.holder.bound,
            bound_from=contents.holder.limit,
            bytes_per_iteration=contents.bytes_per_iteration,
        )
        for contents, number in zip(holders, numbers)
    ]
