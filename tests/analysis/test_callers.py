"""Attribution of growth in a library to the scenario's lines that called it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.callers import (
    CallStack,
    CodeOwnership,
    attribute_to_callers,
    attribution_iterations,
    needs_more_frames,
)
from otel_memeval.analysis.sites_and_holders import GrowingSite

STANDARD = "/opt/python/lib/python3.12"
JSON = (f"{STANDARD}/json/decoder.py", 353)
COPY = (f"{STANDARD}/copy.py", 231)
CLIENT = ("/venv/lib/python3.12/site-packages/client/api.py", 40)
RUN = ("/project/agent.py", 7)
OTHER = ("/project/agent.py", 30)
CODE = CodeOwnership(target_file="/project/agent.py", library_folder=STANDARD)


def site(key: tuple[str, int], bytes_per_iteration: float = 100.0) -> GrowingSite:
    """Return a growing site."""
    return GrowingSite(key=key, bytes_per_iteration=bytes_per_iteration, retained_bytes=2000, blocks=20)


def stack(*frames: tuple[str, int], added: int = 200, alive: int = 400, complete: bool = True) -> CallStack:
    """Return a stack of these frames, the innermost first."""
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
def test_installed_code_is_a_librarys_unless_the_target_is_in_it(file: str, target: str, expected: bool) -> None:
    """Installed code is a library's unless the target is in that package; code without a file is never the scenario's."""
    assert CodeOwnership(target_file=target, library_folder=STANDARD).is_scenario_code(file) is expected


def test_installed_packages_are_libraries_when_the_standard_library_is_unknown() -> None:
    """An empty folder of the standard library makes no file of the scenario a library's."""
    code = CodeOwnership(target_file="", library_folder="")
    assert code.is_scenario_code("/project/agent.py")
    assert not code.is_scenario_code(CLIENT[0])


def test_innermost_line_of_the_scenario_is_named() -> None:
    """The innermost frame of the scenario is named, with the line that allocated and the one that it called itself."""
    (named,) = attribute_to_callers([site(JSON)], [stack(JSON, CLIENT, RUN, OTHER)], CODE)
    assert (named.key, named.allocated_at, named.through) == (RUN, (JSON,), CLIENT)
    assert (named.bytes_per_iteration, named.retained_bytes, named.blocks) == (100.0, 2000, 20)


def test_growth_of_several_library_lines_adds_up_on_their_caller() -> None:
    """A line that called several lines of libraries has their sum and its own bytes, and is ordered by it."""
    sites = [site(OTHER, 150.0), site(JSON, 100.0), site(COPY, 60.0), site(RUN, 8.0)]
    first, second = attribute_to_callers(sites, [stack(JSON, RUN), stack(COPY, RUN)], CODE)
    assert (first.key, first.bytes_per_iteration, first.allocated_at) == (RUN, 168.0, (JSON, COPY))
    assert (second.key, second.bytes_per_iteration, second.allocated_at) == (OTHER, 150.0, ())


def test_three_library_lines_are_named_beside_their_caller() -> None:
    """Of four lines of libraries, the three with the largest growth are named."""
    lines = [(f"{STANDARD}/json/decoder.py", line) for line in range(1, 5)]
    (named,) = attribute_to_callers(
        [site(line, 10.0 * line[1]) for line in lines], [stack(line, RUN) for line in lines], CODE
    )
    assert named.allocated_at == (lines[3], lines[2], lines[1])


def test_called_line_with_most_bytes_is_named_and_generated_code_is_not() -> None:
    """Of several lines of libraries that one line called, the one with the most bytes behind it has a source file."""
    api, other = ("/v/site-packages/client/api.py", 9), ("/v/site-packages/client/api.py", 70)
    stacks = [stack(JSON, api, ("<string>", 3), RUN), stack(COPY, other, RUN), stack(CLIENT, other, RUN)]
    (named,) = attribute_to_callers([site(JSON, 100.0), site(COPY, 60.0), site(CLIENT, 50.0)], stacks, CODE)
    assert (named.key, named.through) == (RUN, other)
    (named,) = attribute_to_callers([site(JSON)], stacks, CODE)
    assert (named.key, named.allocated_at, named.through) == (RUN, (JSON,), api)
    assert attribute_to_callers([site(("<string>", 3))], [stack(("<string>", 3), RUN)], CODE)[0].through is None


def test_caller_that_added_nothing_has_no_share() -> None:
    """A caller with live bytes that added none in the second half of the iterations only replaced memory."""
    (named,) = attribute_to_callers(
        [site(JSON)], [stack(JSON, RUN, added=10), stack(JSON, OTHER, added=0, alive=9000)], CODE
    )
    assert named.key == RUN


def test_live_bytes_decide_when_nothing_was_added() -> None:
    """A leak that did not grow in the second half of the iterations is attributed by the live bytes of its stacks."""
    (named,) = attribute_to_callers([site(JSON)], [stack(JSON, RUN, added=0)], CODE)
    assert named.key == RUN


def test_callers_share_growth_by_their_bytes() -> None:
    """A caller with a quarter of the bytes has a quarter of the growth."""
    first, second = attribute_to_callers([site(JSON)], [stack(JSON, RUN, added=300), stack(JSON, OTHER, added=100)], CODE)
    assert (first.key, first.bytes_per_iteration) == (RUN, 75.0)
    assert (second.key, second.bytes_per_iteration) == (OTHER, 25.0)


def test_library_line_stays_when_no_caller_is_known() -> None:
    """A stack without a frame of the scenario, a line without a stack, and no stacks at all change nothing."""
    for stacks in ([stack(CLIENT, JSON)], [stack(JSON, RUN)], []):
        assert attribute_to_callers([site(CLIENT)], stacks, CODE) == (site(CLIENT),)


def test_line_of_the_scenario_stays() -> None:
    """A growing line of the scenario is named itself, whichever line called it."""
    assert attribute_to_callers([site(RUN)], [stack(RUN, OTHER)], CODE) == (site(RUN),)


LINES = st.sampled_from([JSON, COPY, CLIENT, RUN, OTHER])


@given(
    st.dictionaries(LINES, st.floats(8, 1e9), min_size=1),
    st.lists(st.tuples(st.lists(LINES, min_size=1, max_size=4), st.integers(0, 1000), st.integers(1, 1000)), max_size=6),
)
def test_no_byte_is_lost_or_invented(
    growing: dict[tuple[str, int], float], recorded: list[tuple[list[tuple[str, int]], int, int]]
) -> None:
    """For any stacks, the growth of all named lines together is the measured growth, and each line is named once."""
    sites = [site(key, growth) for key, growth in growing.items()]
    stacks = [stack(*frames, added=added, alive=alive) for frames, added, alive in recorded]
    named = attribute_to_callers(sites, stacks, CODE)
    growths = [caller.bytes_per_iteration for caller in named]
    assert sum(growths) == pytest.approx(sum(growing.values()))
    assert sum(caller.retained_bytes for caller in named) == pytest.approx(2000 * len(sites), abs=len(named))
    assert len({caller.key for caller in named}) == len(named)
    assert growths == sorted(growths, reverse=True)


def test_more_frames_are_needed_when_a_tenth_of_the_bytes_is_cut_off() -> None:
    """Stacks that were cut off count if they are of a growing line and have no frame of the scenario."""
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
        ([], 4),
        ([(0,)], 4),
        ([tuple(range(21))], 4),
        ([(0, 0, 0, 3, 3, 3, 6, 6, 6, 9)], 6),
        ([tuple(range(21)), tuple(place // 5 for place in range(21))], 10),
        ([(*[0] * 20, 5)], 20),
        ([(5, 5, 5)], 4),
    ],
)
def test_rare_leak_gets_more_iterations(series: list[tuple[int, ...]], expected: int) -> None:
    """Each half of the iterations has room for a rise of the rarest line, within limits."""
    assert attribution_iterations(series) == expected


def test_generated_code_is_replaced_by_the_nearest_frame_with_a_source() -> None:
    """The scenario's line comes first, then one of the package that owns the container, then the nearest one."""
    generated, frozen = ("<string>", 3), ("<frozen runpy>", 88)
    grown = site(generated)
    for frames, expected in (
        ((generated, JSON, CLIENT, RUN), RUN),
        ((generated, frozen, JSON, CLIENT), CLIENT),
        ((generated, frozen, JSON, COPY), JSON),
        ((generated, frozen), generated),
    ):
        (named,) = attribute_to_callers([grown], [stack(*frames)], CODE, ["client"])
        assert (named.key, named.allocated_at) == (expected, ())
    assert attribute_to_callers([grown], [], CODE, ["client"]) == (grown,)


def test_package_of_a_file_is_below_the_installed_folder() -> None:
    """The package is the first name below the folder of installed code; a single file is one as well."""
    assert [CODE.package_of(file) for file, _ in (JSON, COPY, CLIENT, RUN)] == ["json", "copy", "client", ""]
