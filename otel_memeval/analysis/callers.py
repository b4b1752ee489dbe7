"""Attribute growth in a library to the scenario's sites that called the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.sites_and_holders import GrowingSite

MIN_ITERATIONS = 4
"""Iterations with stacks: replaced memory is there after the first half, kept memory is added in the second."""

MAX_ITERATIONS = 20
"""The same for a leak that does not grow in every iteration."""

CUT_OFF_PART = 0.1
"""Stacks are recorded again with more frames if more than this part of the growth is in stacks that were cut off."""

MAX_ALLOCATION_SITES = 3
"""Sites of a library that are named beside the site that called them."""

INSTALLED_FOLDERS = ("/site-packages/", "/dist-packages/")
"""Folders of installed packages."""


class CallStack(msgspec.Struct, frozen=True, kw_only=True):
    """A stack with the memory that it left alive."""

    frames: tuple[SiteKey, ...]
    """The innermost frame first."""
    complete: bool
    """No frame of the scenario is missing at the outer end."""
    alive_bytes: int
    added_bytes: int
    """Bytes of ``alive_bytes`` that the second half of the iterations added."""


class CodeOwnership(msgspec.Struct, frozen=True, kw_only=True):
    """Tells code of the scenario from code of libraries.

    A target that is installed itself, such as an eval that a package ships, makes all of that package code of the scenario.
    """

    target_file: str
    library_folder: str
    """Folder of the standard library; empty where it is not known."""

    def is_scenario_code(self, file: str) -> bool:
        """Return whether a person who measures this target would change this file; False for code without a file."""
        file = _with_slashes(file)
        if is_generated(file):
            return False
        folder = self._library_folder_of(file)
        if not folder:
            return True
        target = _with_slashes(self.target_file)
        if not target.startswith(folder):
            return False
        package, inside, _ = target[len(folder) :].partition("/")
        return file == target if not inside else file.startswith(f"{folder}{package}/")

    def package_of(self, file: str) -> str:
        """Return the package of installed code, such as ``json`` for ``.../json/decoder.py``; empty for other code."""
        folder = self._library_folder_of(_with_slashes(file))
        return _with_slashes(file)[len(folder) :].partition("/")[0].removesuffix(".py") if folder else ""

    def _library_folder_of(self, file: str) -> str:
        """Return the folder of installed code that the file lies in; empty for code of the scenario."""
        ends = [index + len(name) for name in INSTALLED_FOLDERS if (index := file.rfind(name)) >= 0]
        if ends:
            return file[: max(ends)]
        standard = f"{_with_slashes(self.library_folder).rstrip('/')}/"
        return standard if self.library_folder and file.startswith(standard) else ""


def is_generated(file: str) -> bool:
    """Return whether the code has no source file, such as ``<string>`` or ``<frozen importlib._bootstrap>``."""
    return file.startswith("<")


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def attribution_iterations(series: Sequence[Sequence[int]], readings_every: int = 1) -> int:
    """Return the iterations that tell kept memory from replaced memory, given the live bytes of the sites at each reading.

    Twice the widest gap between two rises, so that each half of the iterations has a rise.
    """
    gap = 1
    for values in series:
        rises = sum(1 for before, after in pairwise(values) if after > before)
        gap = max(gap, -(-(len(values) - 1) * readings_every // rises)) if rises else gap
    return min(MAX_ITERATIONS, max(MIN_ITERATIONS, 2 * gap))


def needs_more_frames(sites: Sequence[GrowingSite], stacks: Sequence[CallStack], code: CodeOwnership) -> bool:
    """Return whether so much of the growth has stacks that end before code of the scenario that more frames are worth it."""
    grown = cut_off = 0.0
    for site in sites:
        shares = _shares([stack for stack in stacks if stack.frames[0] == site.key])
        grown += site.bytes_per_iteration
        cut_off += site.bytes_per_iteration * sum(share for stack, share in shares if _is_cut_off(stack, code))
    return cut_off > CUT_OFF_PART * grown


def _is_cut_off(stack: CallStack, code: CodeOwnership) -> bool:
    return not stack.complete and not any(code.is_scenario_code(file) for file, _ in stack.frames)


def _shares(stacks: Sequence[CallStack]) -> list[tuple[CallStack, float]]:
    """Return the stacks of a site with their shares of its added bytes; of those that it keeps, if none were added."""
    weights = [stack.added_bytes for stack in stacks]
    if not any(weights):
        weights = [stack.alive_bytes for stack in stacks]
    total = sum(weights)
    return [(stack, weight / total) for stack, weight in zip(stacks, weights) if weight]


def attribute_to_callers(
    sites: Sequence[GrowingSite], stacks: Sequence[CallStack], code: CodeOwnership, packages: Sequence[str] = ()
) -> tuple[GrowingSite, ...]:
    """Return the sites with each site of a library replaced by the sites of the scenario that called it.

    The growth of a library's site is divided among its callers as the bytes of the stacks are, and adds up on a caller of
    several. A site that no site of the scenario called, as in a thread of a library, stays; generated code is then replaced
    by the nearest caller with a source file, first one in ``packages``, which own the growing containers. Unbounded sites
    come first, then the largest growth.
    """
    shares: dict[SiteKey, list[_SiteShare]] = {}
    for site in sites:
        for (key, through), share in _callers(site.key, stacks, code, packages).items():
            shares.setdefault(key, []).append(_SiteShare(site, share, through))
    merged = [_merge(key, of_key) for key, of_key in shares.items()]
    return tuple(sorted(merged, key=lambda site: (site.bounded, -site.bytes_per_iteration, site.key)))


def callers_of(
    sites: Sequence[GrowingSite], stacks: Sequence[CallStack], code: CodeOwnership
) -> dict[SiteKey, tuple[SiteKey, ...]]:
    """Return the sites of the scenario that called each site of a library; sites without a known caller are left out."""
    callers = {site.key: tuple(dict.fromkeys(key for key, _ in _callers(site.key, stacks, code))) for site in sites}
    return {key: of_key for key, of_key in callers.items() if of_key != (key,)}


class _SiteShare(msgspec.Struct, frozen=True):
    """The share of a site's growth that one caller has, from 0 to 1, and the line of the library that it called."""

    site: GrowingSite
    share: float
    through: SiteKey | None

    @property
    def bytes_per_iteration(self) -> float:
        return self.share * self.site.bytes_per_iteration


def _merge(key: SiteKey, shares: Sequence[_SiteShare]) -> GrowingSite:
    largest_first = sorted(shares, key=lambda part: -part.bytes_per_iteration)
    library_sites = [part.site.key for part in largest_first if part.site.key != key and not is_generated(part.site.key[0])]
    through: dict[SiteKey, float] = {}
    for part in largest_first:
        if part.through is not None:
            through[part.through] = through.get(part.through, 0.0) + part.bytes_per_iteration
    return GrowingSite(
        key=key,
        bounded=all(part.site.bounded for part in shares),
        bytes_per_iteration=sum(part.bytes_per_iteration for part in shares),
        retained_bytes=round(sum(part.share * part.site.retained_bytes for part in shares)),
        blocks=round(sum(part.share * part.site.blocks for part in shares)),
        allocated_at=tuple(dict.fromkeys(library_sites))[:MAX_ALLOCATION_SITES],
        through=max(through, key=lambda site: through[site], default=None),
    )


_Caller = tuple[SiteKey, SiteKey | None]
"""The site to name, and the site of a library that it called on the way to the allocation."""


def _callers(
    key: SiteKey, stacks: Sequence[CallStack], code: CodeOwnership, packages: Sequence[str] = ()
) -> Mapping[_Caller, float]:
    """Return the sites to name for a site, each with its share of the bytes; the site itself where no caller is known."""
    if code.is_scenario_code(key[0]):
        return {(key, None): 1.0}
    shares: dict[_Caller, float] = {}
    for stack, share in _shares([stack for stack in stacks if stack.frames[0] == key]):
        caller = _caller(stack, code, packages)
        shares[caller] = shares.get(caller, 0.0) + share
    return shares or {(key, None): 1.0}


def _caller(stack: CallStack, code: CodeOwnership, packages: Sequence[str]) -> _Caller:
    key = stack.frames[0]
    for place, frame in enumerate(stack.frames):
        if code.is_scenario_code(frame[0]):
            called = [site for site in stack.frames[:place] if not is_generated(site[0])]
            return frame, called[-1] if called else None
    if not is_generated(key[0]):
        return key, None
    with_source = [frame for frame in stack.frames if not is_generated(frame[0])]
    of_packages = [frame for frame in with_source if code.package_of(frame[0]) in packages]
    return next(iter([*of_packages, *with_source, key])), None
