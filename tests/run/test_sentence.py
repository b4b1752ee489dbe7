"""Sentence of a verdict: amount, channels, site and holder."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.holder_contents import HolderContents
from otel_memeval.analysis.judge import Judgement
from otel_memeval.analysis.sites_and_holders import GrowingHolder
from otel_memeval.records import Channels, Growth, Holder, Site
from otel_memeval.run.containers import holder_records
from otel_memeval.run.sentence import describe_holder, verdict_sentence
from otel_memeval.verdicts import STATES, State

HOLDER = Holder(path="scenarios.leaky_team.SESSIONS", type="dict", length=20, items_per_iteration=1.0)


def judged(state: State, growth: Channels, leaking_channels: tuple[str, ...] = (), reason: str = "") -> Judgement:
    """Return a judgement with this state and growth."""
    reasons = (reason,) if reason else ()
    return Judgement(state=state, reasons=reasons, growth=growth, sites=(), holders=(), leaking_channels=leaking_channels)


def grown(bytes_per_iteration: float) -> Growth:
    """Return a growth without an interval."""
    return Growth(bytes_per_iteration=bytes_per_iteration, ci_low=0, ci_high=0)


def site(bytes_per_iteration: float, *, bounded: bool = False) -> Site:
    """Return a growing site of the leaky team."""
    return Site(
        file="scenarios/leaky_team.py", line=42, function="run_team", retained_bytes=0, blocks=0,
        bytes_per_iteration=bytes_per_iteration, signature="0" * 12, bounded=bounded,
    )  # fmt: skip


def test_leak_names_amount_site_and_holder() -> None:
    """The sentence of a leak has the bytes of its sites, the first site and the first holder."""
    judgement = judged("leaking", Channels(retained=grown(9)), ("retained",))
    assert verdict_sentence(judgement, [site(1 << 20)], [HOLDER], 20) == (
        "keeps 1.00 MiB more every iteration; allocated at scenarios/leaky_team.py:42, "
        "held by scenarios.leaky_team.SESSIONS (dict, +1 per iteration)"
    )


def test_sites_that_fill_bounded_containers_are_no_part_of_a_leak() -> None:
    """The amount of a leak is without sites that fill a bounded container; that of a bounded verdict is their sum."""
    sites = [site(1024), site(4096, bounded=True)]
    assert "keeps 1.00 KiB more" in verdict_sentence(judged("leaking", Channels()), sites, [], 20)
    assert "keeps 5.00 KiB more" in verdict_sentence(judged("bounded", Channels()), sites, [], 20)


def test_untraced_growth_is_added_and_named() -> None:
    """Growth of the C heap that belongs to the leak is part of the amount, and is named."""
    judgement = judged("leaking", Channels(retained=grown(1024), native=grown(2048)), ("native", "retained"))
    expected = "keeps 3.00 KiB more every iteration (2.00 KiB of it in the C heap)"
    assert verdict_sentence(judgement, [], [], 20) == expected


@pytest.mark.parametrize(("channel", "words"), [("native", "in the C heap"), ("process", "in the process' own pages")])
def test_native_leak_names_its_channel(channel: str, words: str) -> None:
    """The sentence of a native leak names the memory that grows."""
    judgement = judged("native-leak", Channels(**{channel: grown(2048)}), (channel,))
    expected = f"keeps 2.00 KiB more every iteration outside of Python's traced heap, {words}"
    assert verdict_sentence(judgement, [], [], 20) == expected


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_sentence_with_its_reason(state: State) -> None:
    """Each state has a sentence without figures; the states that need a reason quote the first one."""
    growth = Channels(retained=grown(1))
    assert len(verdict_sentence(judged(state, growth), [], [], 5)) > 10
    if state in ("idle", "inconclusive", "failed"):
        assert verdict_sentence(judged(state, growth, reason="the reason"), [], [], 5).endswith(": the reason")


def test_holder_without_a_path_and_with_a_bound() -> None:
    """A container that no module leads to is described as such; a bound is part of the description."""
    unreachable = Holder(path="", type="list", length=2, items_per_iteration=0.5, bound=64)
    assert describe_holder(unreachable) == "a container that no module leads to (list, +0.5 per iteration, at most 64)"
    assert describe_holder(Holder(path="m.HEAD", type="Node", length=0, items_per_iteration=0.0)) == "m.HEAD (Node)"


@pytest.mark.parametrize("state", ["stable", "settling"])
def test_sentence_without_growth_names_the_missing_channels(state: State) -> None:
    """A run that keeps nothing says which memory was not read."""
    missing = ["C heap (malloc is mimalloc's)", "process memory (needs Linux)"]
    sentence = verdict_sentence(judged(state, Channels()), [], [], 20, missing_channels=missing)
    assert sentence.endswith(" 20 iterations; not read: C heap and process memory")


def test_generated_code_has_no_line() -> None:
    """A site without a source file is named as generated code."""
    generated = msgspec.structs.replace(site(1024), file="generated code", line=0)
    assert "; allocated in generated code" in verdict_sentence(judged("leaking", Channels()), [generated], [], 20)


def test_long_path_has_its_ends_in_the_sentence() -> None:
    """A path that fills a line is cut in the middle; one of few steps is not."""
    steps = [f"Step{number}.with_a_long_name" for number in range(6)]
    long = msgspec.structs.replace(HOLDER, path=" -> ".join(steps))
    assert describe_holder(long).startswith(f"{steps[0]} -> ... -> {steps[4]} -> {steps[5]} (dict, ")
    short = msgspec.structs.replace(HOLDER, path=" -> ".join(steps[:3]) + "x" * 100)
    assert describe_holder(short).startswith(f"{short.path} (dict, ")


def test_containers_with_the_same_path_have_numbers() -> None:
    """Containers with equal words are told apart; others, and those without a path, are as they are."""
    growing = GrowingHolder(id=1, length=9, items_per_iteration=1.0, bound=None)
    contents = [
        HolderContents(holder=growing, path=path, type="list", items_seen=0, items={}, storage=None)
        for path in ("m.A[*]", "m.B", "m.A[*]", "", "")
    ]
    assert [record.path for record in holder_records(contents)] == ["m.A[*] (1 of 2)", "m.B", "m.A[*] (2 of 2)", "", ""]
