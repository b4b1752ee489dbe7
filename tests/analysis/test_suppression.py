"""Growth that the user ignores is taken out of state, totals, sites and holders."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.evidence import Evidence, HolderSeries, IgnoredSite, SiteKey
from tests.analysis.test_judge import LINE, OTHER, evidence, levels

STEPS = [1000] * 20
OTHER_STEPS = [64] * 20


def holder(key: int, site: SiteKey | None, bytes_per_item: int, **parts: object) -> HolderSeries:
    """Return a dict that gains one item per iteration; ``site`` allocates the items."""
    items = {} if site is None else {site: bytes_per_item}
    series = HolderSeries(
        id=key, lengths=tuple(range(21)), type="dict", path=f"m.H{key}", items_seen=1 if items else 0, items=items
    )
    return msgspec.structs.replace(series, **parts)


def two_leaks(**parts: object) -> Evidence:
    """Return a run in which one site keeps 1,000 bytes per iteration and another one 64."""
    both = [first + second for first, second in zip(STEPS, OTHER_STEPS)]
    sites = {LINE: levels(*STEPS, start=0), OTHER: levels(*OTHER_STEPS, start=0)}
    changes: dict[str, Any] = {"retained": levels(*both), "sites": sites, **parts}
    return evidence(**changes)


def ignoring(*sites: SiteKey) -> dict[SiteKey, IgnoredSite]:
    """Return rules for these sites."""
    return {site: IgnoredSite(site=site, reason="known") for site in sites}


def test_without_rules_nothing_is_suppressed() -> None:
    """Both leaks are judged, and together they are the growth."""
    assessment = assess(two_leaks())
    assert (assessment.judgement.state, [site.key for site in assessment.sites]) == ("leaking", [LINE, OTHER])
    assert assessment.growth.retained is not None
    assert assessment.growth.retained.bytes_per_iteration == 1064
    assert assessment.suppressed == ()


def test_ignored_site_is_in_no_total() -> None:
    """The other leak is judged alone, and the ignored one is listed with its growth and reason."""
    assessment = assess(two_leaks(ignored_sites=ignoring(LINE)))
    assert (assessment.judgement.state, [site.key for site in assessment.sites]) == ("leaking", [OTHER])
    assert assessment.growth.retained is not None
    assert assessment.growth.retained.bytes_per_iteration == 64
    (suppressed,) = assessment.suppressed
    assert (suppressed.site, suppressed.bytes_per_iteration, suppressed.reason) == (LINE, 1000, "known")


def test_run_is_stable_when_every_leak_is_ignored() -> None:
    """Without its two leaks the run keeps nothing."""
    assessment = assess(two_leaks(ignored_sites=ignoring(LINE, OTHER)))
    assert (assessment.judgement.state, assessment.sites) == ("stable", ())
    assert [growth.site for growth in assessment.suppressed] == [LINE, OTHER]


def test_rule_for_a_site_that_does_not_grow_suppresses_nothing() -> None:
    """A rule that matches no growth is not listed."""
    assessment = assess(two_leaks(ignored_sites=ignoring(("elsewhere.py", 1))))
    assert (assessment.judgement.state, assessment.suppressed) == ("leaking", ())


@pytest.mark.parametrize("storage", [False, True])
def test_ignored_holder_takes_its_sites_with_it(storage: bool) -> None:
    """The sites of a container's items, or the site that makes room in it, are suppressed together with the container."""
    ignored = holder(1, None, 0, storage=LINE) if storage else holder(1, LINE, 1000)
    run = two_leaks(holders=(ignored, holder(2, OTHER, 64)), ignored_holders={1: "TICKET-1"})
    assessment = assess(run)
    assert (assessment.judgement.state, [site.key for site in assessment.sites]) == ("leaking", [OTHER])
    assert [contents.path for contents in assessment.holders] == ["m.H2"]
    (suppressed,) = assessment.suppressed
    assert (suppressed.site, suppressed.path, suppressed.bytes_per_iteration) == (None, "m.H1", 1000)
    assert suppressed.reason == "TICKET-1"


def test_site_that_fills_another_holder_too_stays() -> None:
    """A site whose blocks are also in a container that is not ignored is judged."""
    run = two_leaks(holders=(holder(1, LINE, 900), holder(2, LINE, 100)), ignored_holders={1: "TICKET-1"})
    assessment = assess(run)
    assert LINE in [site.key for site in assessment.sites]
    assert [growth.bytes_per_iteration for growth in assessment.suppressed] == [0]


def test_holder_of_ignored_sites_is_not_reported() -> None:
    """A container whose items only ignored sites allocate is left out with them."""
    run = two_leaks(holders=(holder(1, LINE, 1000), holder(2, OTHER, 64)), ignored_sites=ignoring(LINE))
    assert [contents.path for contents in assess(run).holders] == ["m.H2"]
