"""From a library's lines to the scenario's lines that called them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.callers import (
    FEWEST_ITERATIONS,
    MOST_ITERATIONS,
    CallStack,
    CodeOwnership,
    attribute_to_callers,
    attribution_iterations,
    needs_more_frames,
)
from otel_memeval.analysis.growth import GrowingSite

STANDARD = "/opt/python/lib/python3.12"
JSON = (f"{STANDARD}/json/decoder.py", 353)
COPY = (f"{STANDARD}/copy.py", 231)
CLIENT = ("/venv/lib/python3.12/site-packages/client/api.py", 40)
RUN = ("/project/agent.py", 7)
OTHER = ("/project/agent.py", 30)
CODE = CodeOwnership(target_file="/project/agent.py", library_folder=STANDARD)


def site(key: tuple[str, int], bytes_per_iteration: float = 100.0) -> GrowingSite:
    """A growing line."""
    return GrowingSite(key=key, bytes_per_iteration=bytes_per_iteration, retained_bytes=2000, blocks=20)


def stack(*frames: tuple[str, int], added: int = 200, alive: int = 400, complete: bool = True) -> CallStack:
    """What these frames, the innermost first, left alive."""
    return CallStack(frames=frames, complete=complete, alive_bytes=alive, added_bytes=added)


@pytest.mark.parametrize(
    ("file", "target", "expected"),
    [
        ("/project/agent.py", "/project/agent.py", True),
        ("/elsewhere/editable/src/lib.py", "/project/agent.py", True),
        ("relative.py", "/project/agent.py", True),
        (JSON[0], "/project/agent.py", False),
        (f"{STANDARD}.py", "/project/agent.py", True),
        (CLIENT[0], "/project/agent.py", False),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", "/project/agent.py", False),
        ("C:\\venv\\Lib\\site-packages\\client.py", "C:\\project\\agent.py", False),
        ("<frozen os>", "/project/agent.py", False),
        ("<string>", "/project/agent.py", False),
        ("/v/site-packages/agents/store.py", "/v/site-packages/agents/evals/memory.py", True),
        ("/v/site-packages/agents_more/store.py", "/v/site-packages/agents/evals/memory.py", False),
        ("/v/site-packages/single.py", "/v/site-packages/single.py", True),
        ("/v/site-packages/other.py", "/v/site-packages/single.py", False),
        (f"{STANDARD}/json/decoder.py", f"{STANDARD}/json/tool.py", True),
        (f"{STANDARD}/copy.py", f"{STANDARD}/json/tool.py", False),
        ("/v/site-packages/agents/store.py", "/elsewhere/site-packages/agents/evals.py", False),
        ("/project/agent.py", "", True),
    ],
)
def test_whose_code_a_file_is(file: str, target: str, expected: bool) -> None:
    """Installed code is a library's unless the target is of that package; code without a file never is the scenario's."""
    assert CodeOwnership(target_file=target, library_folder=STANDARD).is_scenario_code(file) is expected


def test_without_a_known_standard_library_the_rest_is_still_told_apart() -> None:
    """An empty folder does not make every file a library's."""
    code = CodeOwnership(target_file="", library_folder="")
    assert code.is_scenario_code("/project/agent.py")
    assert not code.is_scenario_code(CLIENT[0])


def test_the_innermost_line_of_the_scenarios_is_named() -> None:
    """Of all frames, it is the innermost of the scenario's own that is named; the library's line is kept beside it."""
    (named,) = attribute_to_callers([site(JSON)], [stack(JSON, CLIENT, RUN, OTHER)], CODE)
    assert (named.key, named.allocated_at) == (RUN, (JSON,))
    assert (named.bytes_per_iteration, named.retained_bytes, named.blocks) == (100.0, 2000, 20)


def test_what_several_library_lines_allocated_for_one_line_adds_up() -> None:
    """The line that called them has their sum, its own bytes included, and goes before a single larger one."""
    sites = [site(OTHER, 150.0), site(JSON, 100.0), site(COPY, 60.0), site(RUN, 8.0)]
    first, second = attribute_to_callers(sites, [stack(JSON, RUN), stack(COPY, RUN)], CODE)
    assert (first.key, first.bytes_per_iteration, first.allocated_at) == (RUN, 168.0, (JSON, COPY))
    assert (second.key, second.bytes_per_iteration, second.allocated_at) == (OTHER, 150.0, ())


def test_what_is_replaced_is_not_blamed() -> None:
    """Of two callers, the one that only has more alive and added nothing in the second half keeps nothing."""
    (named,) = attribute_to_callers(
        [site(JSON)], [stack(JSON, RUN, added=10), stack(JSON, OTHER, added=0, alive=9000)], CODE
    )
    assert named.key == RUN


def test_what_is_alive_decides_where_nothing_was_added() -> None:
    """A leak that did not come in the second half of the look is still found by what it left."""
    (named,) = attribute_to_callers([site(JSON)], [stack(JSON, RUN, added=0)], CODE)
    assert named.key == RUN


def test_callers_share_by_their_bytes() -> None:
    """A quarter of the bytes is a quarter of the growth."""
    first, second = attribute_to_callers([site(JSON)], [stack(JSON, RUN, added=300), stack(JSON, OTHER, added=100)], CODE)
    assert (first.key, first.bytes_per_iteration) == (RUN, 75.0)
    assert (second.key, second.bytes_per_iteration) == (OTHER, 25.0)


def test_a_librarys_own_leak_keeps_the_librarys_line() -> None:
    """A stack without a line of the scenario's, a line without a stack, and a look that saw nothing change nothing."""
    for stacks in ([stack(CLIENT, JSON)], [stack(JSON, RUN)], []):
        assert attribute_to_callers([site(CLIENT)], stacks, CODE) == (site(CLIENT),)


def test_the_scenarios_own_line_stays() -> None:
    """Whoever called it: the innermost line of the scenario's is where it stands."""
    assert attribute_to_callers([site(RUN)], [stack(RUN, OTHER)], CODE) == (site(RUN),)


LINES = st.sampled_from([JSON, COPY, CLIENT, RUN, OTHER])


@given(
    st.dictionaries(LINES, st.floats(8, 1e9), min_size=1),
    st.lists(st.tuples(st.lists(LINES, min_size=1, max_size=4), st.integers(0, 1000), st.integers(1, 1000)), max_size=6),
)
def test_no_byte_is_lost_or_invented(
    growing: dict[tuple[str, int], float], told: list[tuple[list[tuple[str, int]], int, int]]
) -> None:
    """Whatever the stacks say, the growth of all lines together is what was measured; each line is named once."""
    sites = [site(key, growth) for key, growth in growing.items()]
    named = attribute_to_callers(sites, [stack(*frames, added=added, alive=alive) for frames, added, alive in told], CODE)
    assert sum(one.bytes_per_iteration for one in named) == pytest.approx(sum(growing.values()))
    assert sum(one.retained_bytes for one in named) == pytest.approx(2000 * len(sites), abs=len(named))
    assert len({one.key for one in named}) == len(named)
    assert [one.bytes_per_iteration for one in named] == sorted((one.bytes_per_iteration for one in named), reverse=True)


def test_a_second_look_is_for_a_tenth_of_the_bytes() -> None:
    """Stacks that were cut off matter from a tenth on, if they are of a line that grows and no line of ours is in them."""
    to_the_scenario = stack(JSON, RUN, added=900, alive=900)
    assert not needs_more_frames(
        [site(JSON)], [to_the_scenario, stack(JSON, CLIENT, added=100, alive=100, complete=False)], CODE
    )
    assert needs_more_frames(
        [site(JSON)], [to_the_scenario, stack(JSON, CLIENT, added=101, alive=100, complete=False)], CODE
    )
    assert not needs_more_frames([site(JSON)], [to_the_scenario, stack(COPY, CLIENT, added=900, complete=False)], CODE)
    assert not needs_more_frames([site(JSON)], [stack(JSON, RUN, complete=False)], CODE)
    assert not needs_more_frames([site(JSON)], [stack(JSON, CLIENT)], CODE)
    assert not needs_more_frames([site(JSON)], [], CODE)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([], FEWEST_ITERATIONS),
        ([(0,)], FEWEST_ITERATIONS),
        ([tuple(range(21))], FEWEST_ITERATIONS),
        ([(0, 0, 0, 3, 3, 3, 6, 6, 6, 9)], 6),
        ([tuple(range(21)), tuple(place // 5 for place in range(21))], 10),
        ([(*[0] * 20, 5)], MOST_ITERATIONS),
        ([(5, 5, 5)], FEWEST_ITERATIONS),
    ],
)
def test_a_rare_leak_is_looked_at_longer(series: list[tuple[int, ...]], expected: int) -> None:
    """Each half of the look has room for one rise of the rarest line, within limits."""
    assert attribution_iterations(series) == expected
