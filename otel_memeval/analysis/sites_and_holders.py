"""Growing sites and growing containers, as the judgement and the report have them."""

from __future__ import annotations

import msgspec

from otel_memeval.analysis.evidence import SiteKey

MAX_ITERATIONS_TO_FILL = 1_000_000
"""Iterations to a bound beyond which the bound does not count."""

MAX_BYTES_TO_FILL = 1 << 36
"""Bytes to a bound beyond which the bound does not count: 64 GiB on every machine, so that verdicts are the same."""


class GrowingSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that keeps growing."""

    key: SiteKey
    bytes_per_iteration: float
    retained_bytes: int
    blocks: int
    allocated_at: tuple[SiteKey, ...] = ()
    """Sites in a library that allocated, if this site called them; most bytes first."""
    through: SiteKey | None = None
    """Site in the library that this site called, the one with the most bytes behind it."""
    bounded: bool = False
    """Its memory goes into a container with a bound."""


class GrowingHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A container that keeps growing."""

    id: int
    length: int
    items_per_iteration: float
    bound: int | None
    """Items that it will not exceed."""
    limit: str = ""
    """The bound in words; empty if there is none."""
    bookkeeping: bool = False
    """It holds only weak references: no other memory hangs on it."""
    lines: dict[SiteKey, float] = {}
    """Growth of the sites whose memory it keeps, in bytes per iteration; empty where its items are measured."""

    @property
    def bounded(self) -> bool:
        """Return whether the container has a bound, however far away."""
        return self.bound is not None or bool(self.limit)

    def fills_up(self, bytes_per_iteration: float) -> bool:
        """Return whether the container has a bound that the run reaches before memory is full.

        ``bytes_per_iteration``: growth of the run.
        """
        if self.bound is None:
            return bool(self.limit)
        iterations = (self.bound - self.length) / self.items_per_iteration
        return iterations <= MAX_ITERATIONS_TO_FILL and iterations * bytes_per_iteration <= MAX_BYTES_TO_FILL
