"""Match the user's rules for ignored growth with sites and containers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from otel_memeval.analysis.evidence import IgnoredSite, SiteKey
from otel_memeval.analysis.suppression import SuppressedGrowth
from otel_memeval.errors import UsageError
from otel_memeval.records import CHILD_MEMORY, WORDS, Suppressed

_NEEDED = "each entry needs one of site, holder and resource, and reason"


class IgnoreRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Growth that is not judged: of sites, containers or resources that match a pattern; exactly one of them is given."""

    site: str = ""
    """``FILE:LINE`` or ``FILE:FUNCTION``; ``*`` and ``?`` are wildcards."""
    holder: str = ""
    """Path of a container; ``*`` and ``?`` are wildcards."""
    resource: str = ""
    """Name of a resource as in the result, or ``child_memory``; ``*`` and ``?`` are wildcards."""
    reason: str


def ignore_rules(entries: object, origin: str) -> tuple[IgnoreRule, ...]:
    """Return the rules of a list of mappings. Raises ``UsageError``, with ``origin``, for an entry that is no rule."""
    try:
        rules = msgspec.convert(entries, tuple[IgnoreRule, ...])
    except msgspec.ValidationError as error:
        raise UsageError(f"{origin}: {error}", _NEEDED) from None
    for rule in rules:
        patterns = [pattern for pattern in (rule.site, rule.holder, rule.resource) if pattern]
        if len(patterns) != 1 or not rule.reason.strip():
            raise UsageError(f"{origin}: {patterns[0] if patterns else 'an entry'} is not complete", _NEEDED)
    return rules


class Suppressions:
    """The rules of one run.

    A site pattern matches ``FILE:LINE`` or ``FILE:FUNCTION``, with the file as the report shows it and the qualified name of
    the function; a holder pattern matches the path of a container. ``*`` stands for any characters, ``?`` for one.
    """

    def __init__(
        self, rules: Iterable[IgnoreRule], display_path: Callable[[str], str], function_name: Callable[[SiteKey], str]
    ) -> None:
        self._display_path = display_path
        self._function_name = function_name
        rules = tuple(rules)
        self._sites = [(_compiled(rule.site), rule) for rule in rules if rule.site]
        self._holders = [(_compiled(rule.holder), rule) for rule in rules if rule.holder]
        self._resources = [(_compiled(rule.resource), rule) for rule in rules if rule.resource]
        self._reasons: dict[SiteKey, str | None] = {}

    def ignored_sites(
        self, sites: Collection[SiteKey], callers: Mapping[SiteKey, Sequence[SiteKey]]
    ) -> dict[SiteKey, IgnoredSite]:
        """Return the sites that a rule matches, or all of whose callers are matched."""
        ignored: dict[SiteKey, IgnoredSite] = {}
        for site in sites if self._sites else ():
            for candidates in ((site,), callers.get(site, ())):
                reasons = [reason for candidate in candidates if (reason := self._site_reason(candidate)) is not None]
                if candidates and len(reasons) == len(candidates):
                    ignored[site] = IgnoredSite(site=candidates[0], reason=reasons[0])
                    break
        return ignored

    def ignored_resources(self) -> dict[str, str]:
        """Return the names of the resources that a rule matches, each with the reason of the first such rule."""
        return {
            name: rule.reason
            for pattern, rule in reversed(self._resources)
            for name in (*WORDS, CHILD_MEMORY)
            if pattern.fullmatch(name)
        }

    def holder_reason(self, path: str) -> str | None:
        """Return the reason of the first rule that matches the path of a container; None if no rule does."""
        return next((rule.reason for pattern, rule in self._holders if path and pattern.fullmatch(path)), None)

    def _site_reason(self, site: SiteKey) -> str | None:
        """Return the reason of the first rule that matches a site; each site is looked up once."""
        if site not in self._reasons:
            file, line = self._display_path(site[0]).replace("\\", "/"), site[1]
            texts = [f"{file}:{line}"]
            if any(rule.site.rpartition(":")[2] != str(line) for _, rule in self._sites):
                texts.append(f"{file}:{self._function_name(site)}")
            matching = (rule.reason for pattern, rule in self._sites if any(map(pattern.fullmatch, texts)))
            self._reasons[site] = next(matching, None)
        return self._reasons[site]


def suppressed_records(suppressed: Sequence[SuppressedGrowth], display_path: Callable[[str], str]) -> list[Suppressed]:
    """Return the suppressed growth as the result has it."""
    return [
        Suppressed(
            site="" if growth.site is None else f"{display_path(growth.site[0])}:{growth.site[1]}",
            path=growth.path,
            resource=growth.resource,
            bytes_per_iteration=growth.bytes_per_iteration,
            reason=growth.reason,
        )
        for growth in suppressed
    ]


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern as a regular expression; brackets are no wildcards, since paths of containers have them."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
