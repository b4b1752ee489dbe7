"""Runs of a history in the order of a list: by eval, each with its growth and its new leaks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_memeval.records.run_summary import Leak, RunSummary

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.:-=+*#"


class ListedRun(NamedTuple):
    """A run, and the leaks that the run before of the same eval and settings does not have."""

    run: RunSummary
    new_leaks: tuple[Leak, ...]


def growth_bytes(run: RunSummary) -> float | None:
    """Return the growth that a verdict is about, in bytes per iteration; None if it was not measured.

    That of the peak for ``creeping``. Else that of retained memory, with the other channels that leak.
    """
    channels = run.growth
    if run.verdict == "creeping":
        return None if channels.peak is None else channels.peak.bytes_per_iteration
    untraced = sum(leak.per_iteration for leak in run.leaks if leak.signature in ("channel:native", "channel:process"))
    if channels.retained is None:
        return untraced or None
    retained = channels.retained.bytes_per_iteration
    return untraced + (max(retained, 0.0) if untraced else retained)


def by_eval(runs: Sequence[RunSummary], before: Sequence[RunSummary] = ()) -> dict[str, list[ListedRun]]:
    """Return runs by eval, the oldest first, and the eval with the newest run last.

    ``before``: runs that are not listed, the last one before the listed runs of each eval and settings.
    """
    ordered = sorted(runs, key=lambda run: run.started_at)
    previous = {(run.eval, run.settings): run for run in before}
    found: dict[str, list[ListedRun]] = {}
    for run in ordered:
        earlier = previous.get((run.eval, run.settings))
        found.setdefault(run.eval, []).append(ListedRun(run, new_leaks(run, earlier)))
        previous[run.eval, run.settings] = run
    return dict(sorted(found.items(), key=lambda item: item[1][-1].run.started_at))


def new_leaks(run: RunSummary, earlier: RunSummary | None) -> tuple[Leak, ...]:
    """Return the leaks of a run that the earlier one does not have; none without an earlier one."""
    if earlier is None:
        return ()
    known = {leak.signature for leak in earlier.leaks}
    return tuple(leak for leak in run.leaks if leak.signature not in known)


def sparkline(values: Sequence[float | None], *, ascii_only: bool = False) -> str:
    """Return one character for each value, its height in proportion to the largest; a blank for None."""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    largest = max((value for value in values if value is not None), default=0.0)

    def block(value: float | None) -> str:
        if value is None:
            return " "
        share = value / largest if largest > 0 and value > 0 else 0.0
        return blocks[min(len(blocks) - 1, int(share * len(blocks)))]

    return "".join(map(block, values))
