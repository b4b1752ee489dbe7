"""``--follow-up-budget``: what the search after the last iteration finds, and what is named when there is no time for it."""

from __future__ import annotations

from tests.cli.conftest import Tool

LEAKS_THROUGH_A_LIBRARY = """
    import json, time
    KEPT = []
    CALLS = []

    def run():
        CALLS[:] = [len(KEPT)]
        if len(KEPT) > 14:
            time.sleep({sleep})
        KEPT.append(json.loads('["a", %d]' % len(KEPT)))
"""

BOUNDED = """
    CACHE = {}

    def run():
        if len(CACHE) < 100:
            CACHE[len(CACHE)] = bytes(500)
"""

USED_UP = "the follow-up budget of {} s was used up (--follow-up-budget)"
OPTIONS = ("--iterations", "12", "--warmup", "3")


def test_without_time_the_verdict_names_what_was_left_out(tool: Tool) -> None:
    """The holder is described all the same; the search for callers is a sentence of the verdict and of the result."""
    done = tool.measure(LEAKS_THROUGH_A_LIBRARY.format(sleep=0), *OPTIONS, "--follow-up-budget", "0")
    assert done.status == 1, done.text
    assert done.result.left_out == [f"the search for callers was left out: {USED_UP.format(0)}"]
    assert done.result.left_out[0] in done.result.verdict.reasons
    assert (done.result.verdict.state, done.result.caller_attribution) == ("leaking", None)
    assert [holder.path for holder in done.result.holders] == ["scenario.KEPT"]
    assert done.result.sites[0].file.endswith("decoder.py")


def test_with_time_nothing_is_left_out(tool: Tool) -> None:
    """The line of the scenario that called the library is named."""
    done = tool.measure(LEAKS_THROUGH_A_LIBRARY.format(sleep=0), *OPTIONS, "--follow-up-budget", "1m")
    assert (done.result.left_out, done.result.sites[0].file) == ([], "scenario.py")


def test_bounded_container_is_bounded_without_time(tool: Tool) -> None:
    """The bound decides the verdict, so it is searched for whatever the budget is."""
    done = tool.measure(BOUNDED, *OPTIONS, "--follow-up-budget", "0")
    assert (done.status, done.result.verdict.state, done.result.left_out) == (0, "bounded", [])


def test_no_call_is_begun_once_the_budget_is_used_up(tool: Tool) -> None:
    """A call that runs is finished; the reason says that the further iterations ended early."""
    done = tool.measure(LEAKS_THROUGH_A_LIBRARY.format(sleep=2), *OPTIONS, "--follow-up-budget", "3")
    assert done.result.verdict.state == "leaking"
    attribution = done.result.caller_attribution
    assert attribution is not None
    assert attribution.iterations < 4
    assert attribution.problem == "Timeout: the follow-up budget was used up (--follow-up-budget)"
    assert done.result.verdict.reasons[-1].endswith(attribution.problem)
