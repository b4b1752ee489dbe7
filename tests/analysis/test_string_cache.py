"""pydantic's cache of strings: growth that ends late, and leaks that look like it."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.evidence import Evidence
from otel_memeval.analysis.judge import judge
from otel_memeval.verdicts import State
from tests.analysis.test_judge import evidence, holder, levels

VALIDATE = ("/env/site-packages/pydantic/type_adapter.py", 466)


def strings(size: int, count: int = 4, before: int = 0, file: str = VALIDATE[0]) -> Evidence:
    """Return a run in which a line keeps ``count`` blocks of ``size`` bytes per iteration."""
    step = size * count
    site = (file, VALIDATE[1])
    return evidence(
        retained=levels(*[step] * 20),
        sites={site: levels(*[step] * 20, start=size * before)},
        blocks={site: before + 20 * count},
    )


@pytest.mark.parametrize(("size", "state"), [(112, "bounded"), (113, "leaking")])
def test_growth_of_short_strings_of_pydantic_is_bounded(size: int, state: State) -> None:
    """Strings of up to 63 characters are cached; larger blocks are not in that cache."""
    judgement = judge(strings(size))
    assert judgement.state == state
    assert (not judgement.sites) is (state == "bounded")


@pytest.mark.parametrize(("before", "state"), [(16_303, "bounded"), (16_304, "leaking")])
def test_full_cache_of_strings_explains_no_growth(before: int, state: State) -> None:
    """The cache has 16,384 strings: a line with as many blocks that still grows leaks."""
    assert judge(strings(80, before=before)).state == state


def test_other_package_has_no_such_cache() -> None:
    """Small blocks of another package without a holder are a leak."""
    assert judge(strings(80, file="/env/site-packages/pydantic_settings/main.py")).state == "leaking"


def test_strings_in_a_container_leak() -> None:
    """Strings of pydantic that a growing container holds are not those of the cache."""
    held = msgspec.structs.replace(holder(*[4] * 20), type="list", items={VALIDATE: 80}, items_seen=1)
    run = msgspec.structs.replace(strings(80), holders=(held,))
    assert judge(run).state == "leaking"


def test_leak_beside_the_cache_of_strings_leaks() -> None:
    """The cache explains its own lines only, and the reason of a bounded run names it."""
    other = ("scenario.py", 7)
    run = strings(80)
    both = msgspec.structs.replace(
        run,
        sites={**run.sites, other: levels(*[500] * 20, start=0)},
        retained=levels(*[820] * 20),
        blocks={**run.blocks, other: 20},
    )
    judgement = judge(both)
    assert (judgement.state, [site.key for site in judgement.sites]) == ("leaking", [other])
    (reason,) = judge(run).reasons
    assert reason.startswith("pydantic's cache of strings from JSON grows by 320 B per iteration, to at most 16,384 strings")
