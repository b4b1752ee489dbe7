"""Which line a person would change: from what a library's lines allocated to the scenario's lines that called them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.growth import GrowingSite

FEWEST_ITERATIONS = 4
"""Of a look: what each iteration merely replaces is there after the first half, what is kept is added in the second."""

MOST_ITERATIONS = 20
"""Of a look at a leak that comes on every n-th iteration only."""

SECOND_LOOK = 0.1
"""More frames are worth their time for this part of the bytes."""

MOST_PLACES = 3
"""Lines of a library that are named beside the line that called them."""

_INSTALLED = ("/site-packages/", "/dist-packages/")


class CallStack(msgspec.Struct, frozen=True, kw_only=True):
    """What a stack left alive, and what of it was added in the second half of a look; frames from the innermost on."""

    frames: tuple[SiteKey, ...]
    complete: bool
    """No frame of the scenario's is missing at the outer end."""
    alive_bytes: int
    added_bytes: int


class CodeOwnership(msgspec.Struct, frozen=True, kw_only=True):
    """Tells the scenario's code from that of libraries.

    ``library_folder`` is the standard library's. A target that is itself installed, as an evaluation that a package ships,
    makes all of that package the scenario's.
    """

    target_file: str
    library_folder: str

    def is_scenario_code(self, file: str) -> bool:
        """Whether a person who measures this target would change this file; never for code without one."""
        file = _plain(file)
        if file.startswith("<"):
            return False
        folder = self._library(file)
        if not folder:
            return True
        target = _plain(self.target_file)
        if not target.startswith(folder):
            return False
        package, inside, _ = target[len(folder) :].partition("/")
        return file == target if not inside else file.startswith(f"{folder}{package}/")

    def _library(self, file: str) -> str:
        """The folder of installed code that this file lies in; empty for the scenario's own."""
        ends = [place + len(name) for name in _INSTALLED if (place := file.rfind(name)) >= 0]
        if ends:
            return file[: max(ends)]
        standard = f"{_plain(self.library_folder).rstrip('/')}/"
        return standard if self.library_folder and file.startswith(standard) else ""


def _plain(path: str) -> str:
    return path.replace("\\", "/")


def attribution_iterations(series: Sequence[Sequence[int]]) -> int:
    """How many iterations tell apart what lines keep from what they replace, given these lines' live bytes so far.

    Twice as many as lie between two rises, so that each half has one.
    """
    gap = 1
    for values in series:
        rises = sum(1 for before, after in pairwise(values) if after > before)
        gap = max(gap, -(-(len(values) - 1) // rises)) if rises else gap
    return min(MOST_ITERATIONS, max(FEWEST_ITERATIONS, 2 * gap))


def needs_more_frames(sites: Sequence[GrowingSite], stacks: Sequence[CallStack], code: CodeOwnership) -> bool:
    """Whether stacks of these lines were cut off before they came to the scenario's code, for a part worth a second look."""
    wanted = {site.key for site in sites}
    stacks = [stack for stack in stacks if stack.frames[0] in wanted]
    cut_off = [
        stack for stack in stacks if not stack.complete and not any(code.is_scenario_code(file) for file, _ in stack.frames)
    ]
    return any(
        sum(weight(stack) for stack in cut_off) > SECOND_LOOK * sum(weight(stack) for stack in stacks)
        for weight in (_added_bytes, _alive_bytes)
    )


def _added_bytes(stack: CallStack) -> int:
    return stack.added_bytes


def _alive_bytes(stack: CallStack) -> int:
    return stack.alive_bytes


def attribute_to_callers(
    sites: Sequence[GrowingSite], stacks: Sequence[CallStack], code: CodeOwnership
) -> tuple[GrowingSite, ...]:
    """The sites with each library's line replaced by the scenario's lines that called it, largest growth first, those that
    fill bounded containers last.

    Its figures are divided among the callers as the stacks' bytes are, and add up on a line that called several. A line
    that no line of the scenario's called, as in a library's own thread, stays what it is.
    """
    parts: dict[SiteKey, list[_Part]] = {}
    for site in sites:
        for key, share in _callers(site.key, stacks, code).items():
            parts.setdefault(key, []).append(_Part(site, share))
    named = [_together(key, of_key) for key, of_key in parts.items()]
    return tuple(sorted(named, key=lambda site: (site.bounded, -site.bytes_per_iteration, site.key)))


class _Part(msgspec.Struct, frozen=True):
    site: GrowingSite
    share: float

    @property
    def bytes_per_iteration(self) -> float:
        return self.share * self.site.bytes_per_iteration


def _together(key: SiteKey, parts: Sequence[_Part]) -> GrowingSite:
    places = [part.site.key for part in sorted(parts, key=lambda part: -part.bytes_per_iteration) if part.site.key != key]
    return GrowingSite(
        key=key,
        bounded=all(part.site.bounded for part in parts),
        bytes_per_iteration=sum(part.bytes_per_iteration for part in parts),
        retained_bytes=round(sum(part.share * part.site.retained_bytes for part in parts)),
        blocks=round(sum(part.share * part.site.blocks for part in parts)),
        allocated_at=tuple(places[:MOST_PLACES]),
    )


def _callers(key: SiteKey, stacks: Sequence[CallStack], code: CodeOwnership) -> Mapping[SiteKey, float]:
    """The lines to name for ``key``, each with its part of the bytes; ``key`` itself where nothing better is known."""
    if code.is_scenario_code(key[0]):
        return {key: 1.0}
    of_key = [stack for stack in stacks if stack.frames[0] == key]
    weights = [stack.added_bytes for stack in of_key]
    if not any(weights):
        weights = [stack.alive_bytes for stack in of_key]
    total = sum(weights)
    shares: dict[SiteKey, float] = {}
    for stack, weight in zip(of_key, weights):
        if weight:
            caller = next((frame for frame in stack.frames if code.is_scenario_code(frame[0])), key)
            shares[caller] = shares.get(caller, 0.0) + weight / total
    return shares or {key: 1.0}
