"""The containers that grow in one run: where they are, what they are filled with, and by which lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from otel_memeval import wire
from otel_memeval.analysis.evidence import Evidence, RingBuffer
from otel_memeval.analysis.growth import GrowingHolder, GrowingSite
from otel_memeval.analysis.holder_contents import HolderContents, mark_bounded_sites, sites_from_items
from otel_memeval.analysis.judge import Judgement
from otel_memeval.records import Holder
from otel_memeval.run.history import one_line
from otel_memeval.run.locations import shown_path

MOST_ASKED = 50
"""Containers that the worker is asked about, fastest growing first."""


class Worker(Protocol):
    """What can be asked, wherever it runs."""

    def send(self, command: str) -> None:
        """Say one command."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:
        """Hear one message; raises ``Ended`` when there will be none."""


class Holding:
    """What the worker has told of the growing containers."""

    def __init__(self, folder: str, secrets: tuple[str, ...]) -> None:
        self._folder = folder
        self._secrets = secrets
        self.ring_buffers: list[RingBuffer] = []
        self.told: dict[int, wire.HolderInfo] = {}
        """By id."""
        self.left_out: set[int] = set()
        """Ids of those that hold nothing of their own: gone by now, or the inside of a weak collection."""

    @property
    def limits(self) -> dict[int, str]:
        """What bounds each, in words: ``len(SESSIONS) >= MAX_SESSIONS at app.py:31``; empty where nothing does."""
        return {key: self._limit(told) for key, told in self.told.items()}

    def _limit(self, told: wire.HolderInfo) -> str:
        limit = one_line(told.limit, self._secrets)
        return f"{limit} at {shown_path(told.limit_file, self._folder)}:{told.limit_line}" if told.limit_file else limit

    def ask(self, worker: Worker, asked: Sequence[int], grown: list[tuple[int, int]], timeout_seconds: float) -> None:
        """Ask where these are, by their ids, and what bounds them; ``grown``: lines that rose (number of the file, line).
        Raises ``Ended`` when the worker does not answer.
        """
        worker.send(wire.describe_command(list(asked), grown))
        message = worker.receive(timeout_seconds)
        assert isinstance(message, wire.Holders)
        grows = {told.id for told in message.holders}
        filling = [told for told in message.ring_buffers if told.id not in grows]
        self.told = {told.id: told for told in (*message.holders, *filling)}
        self.left_out = set(asked) - set(self.told)
        self.ring_buffers = [
            RingBuffer(
                id=told.id, length=told.length, bound=told.bound, limit=self._limit(told), lines=frozenset(told.lines)
            )
            for told in filling
        ]

    def _in_order(self, holders: Sequence[GrowingHolder], module: str) -> list[HolderContents]:
        """The scenario's own first, then what a module leads to, then the rest; within each, endless ones and then most
        bytes first. What two keep cannot be compared where that of one is not known: those stay as they come.
        """
        growing = [self._contents(holder) for holder in holders if holder.id in self.told]

        def place(one: HolderContents) -> tuple[bool, bool, bool, float]:
            path = self.told[one.holder.id].path or ""
            return (
                not path.startswith(f"{module}."),
                not path,
                one.holder.bounded,
                -(one.bytes_per_iteration or 0.0),
            )

        return sorted(growing, key=place)

    def _contents(self, holder: GrowingHolder) -> HolderContents:
        told = self.told[holder.id]
        return HolderContents(
            holder=msgspec.structs.replace(holder, bound=told.bound, limit=self._limit(told)),
            items_seen=told.items_seen,
            items={(file, line): live_bytes for file, line, live_bytes, _ in told.items},
            storage=told.storage,
        )

    def records(self, holders: Sequence[GrowingHolder], module: str) -> list[Holder]:
        """The growing containers as they are reported."""
        return [
            Holder(
                path=self.told[one.holder.id].path or "",
                type=self.told[one.holder.id].type,
                length=self.told[one.holder.id].length,
                items_per_iteration=one.holder.items_per_iteration,
                bound=one.holder.bound,
                bound_from=one.holder.limit,
                bytes_per_iteration=one.bytes_per_iteration,
            )
            for one in self._in_order(holders, module)
        ]

    def sites(self, judgement: Judgement, evidence: Evidence, module: str) -> tuple[GrowingSite, ...]:
        """The growing lines: those of a leak before those that fill bounded containers beside it. If no line's own series
        shows the leak, the lines that its container's newest items come from.
        """
        if judgement.state != "leaking":
            return judgement.sites
        contents = self._in_order(judgement.holders, module)
        sites = mark_bounded_sites(judgement.sites, contents)
        leaking = [site for site in sites if not site.bounded] or list(sites_from_items(contents, evidence))
        return (*leaking, *(site for site in sites if site.bounded))
