"""Resources beside memory: when they grow, and what the judgement says then."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.evidence import ChildSeries, Evidence, IterationWork, ResourceSeries
from otel_memeval.analysis.judge import Judgement, judge
from otel_memeval.analysis.resources import CHILD_FLOOR_BYTES, resource_trends

MIB = 1 << 20


def evidence(
    resources: Sequence[ResourceSeries] = (),
    *,
    children: Sequence[ChildSeries] = (),
    child_bytes: Sequence[int] = (),
    iterations: int = 20,
    warmup: int = 3,
) -> Evidence:
    """Return the evidence of a run that works, keeps no memory, and has these resources."""
    work = IterationWork(cpu_seconds=1.0, waits=1, suspended=False, peak_bytes=10_000)
    return Evidence(
        warmup=warmup,
        failed=0,
        retained=(1000,) * (iterations + 1),
        peak=(10_000,) * iterations,
        native=(),
        process=(),
        sites={},
        blocks={},
        holders=(),
        work=(work,) * iterations,
        resources=tuple(resources),
        children=tuple(children),
        child_bytes=tuple(child_bytes) or tuple(map(sum, zip(*(child.private_bytes for child in children)))),
    )


def series(name: str, counts: Sequence[int], **parts: tuple[int, ...]) -> ResourceSeries:
    """Return the numbers of one resource."""
    return ResourceSeries(name=name, counts=tuple(counts), **parts)  # type: ignore[arg-type]


def judged(*resources: ResourceSeries, iterations: int = 20) -> Judgement:
    """Return the judgement on these resources."""
    return judge(evidence(resources, iterations=iterations))


@pytest.mark.parametrize("name", ["file_descriptors", "threads", "tasks", "child_processes"])
def test_resource_that_grows_with_each_iteration_is_a_leak(name: str) -> None:
    """A run without growth of memory leaks if one resource rises to the end; its name is a channel of the leak."""
    judgement = judged(series(name, range(5, 26)))
    assert (judgement.state, judgement.memory_state, judgement.leaking_channels) == ("leaking", "stable", (name,))
    (growth,) = judgement.resources.growing
    assert (growth.before, growth.after, growth.per_iteration) == (5, 25, 1.0)
    assert "rose from 5 to 25 in 20 iterations, +1 per iteration" in judgement.reasons[0]


def test_resource_grows_from_one_in_ten_iterations_on() -> None:
    """A descriptor in ten iterations is a leak in a long run; one in forty is not."""
    assert judged(series("file_descriptors", [n // 10 for n in range(101)]), iterations=100).state == "leaking"
    assert judged(series("file_descriptors", [n // 40 for n in range(101)]), iterations=100).state == "stable"


@pytest.mark.parametrize(
    "counts",
    [
        [4] * 21,
        [1, 4, 6, 8] + [8] * 17,
        [3 + n % 5 for n in range(21)],
        [4 + n % 2 for n in range(21)],
        [4] * 20 + [5],
        [9 - n // 5 for n in range(21)],
    ],
)
def test_resource_that_is_reused_is_no_leak(counts: list[int]) -> None:
    """A pool that fills and is reused, a number that comes and goes, a single late addition: nothing grows."""
    judgement = judged(series("threads", counts))
    assert judgement.state in ("stable", "settling")
    assert judgement.resources.growing == ()


def test_pool_that_fills_up_to_its_limit_is_no_leak() -> None:
    """Members of a pool count as one; pools that are added count each."""
    filling = tuple(range(21))
    assert judged(series("threads", range(1, 22), pooled=filling)).state == "stable"
    many_pools = judged(series("threads", range(4, 88, 4), pooled=tuple(3 * n for n in range(1, 22))))
    assert many_pools.state == "leaking"
    assert many_pools.resources.growing[0].per_iteration == 4.0


def test_descriptors_that_are_sockets_are_named_once() -> None:
    """Sockets are descriptors too: the sentence names the sockets alone, and both if other descriptors grow as well."""
    sockets, others = series("sockets", range(21)), series("file_descriptors", range(6, 27))
    assert [resource.name for resource in judged(sockets, others).resources.growing] == ["sockets"]
    both = judged(sockets, series("file_descriptors", range(6, 48, 2)))
    assert [(resource.name, resource.per_iteration) for resource in both.resources.growing] == [
        ("sockets", 1.0),
        ("file_descriptors", 2.0),
    ]


def test_sockets_that_come_and_go_do_not_hide_other_descriptors() -> None:
    """Descriptors are judged without sockets as well."""
    moving = [4 * (n % 5) for n in range(21)]
    judgement = judged(series("sockets", moving), series("file_descriptors", [n + more for n, more in enumerate(moving)]))
    assert [resource.name for resource in judgement.resources.growing] == ["file_descriptors"]


def test_undecided_resource_asks_for_more_iterations() -> None:
    """Some irregular additions may be a leak or a pool: the run is inconclusive and asks for iterations."""
    judgement = judged(series("threads", [4] * 3 + [5] * 9 + [6] * 4 + [7] * 5))
    assert judgement.state == "inconclusive"
    assert judgement.iterations_needed is not None
    assert judgement.iterations_needed > 20
    assert "threads may leak or still fill a pool" in judgement.reasons[0]


def child(process: int, values: Sequence[int], text: str = "python server.py") -> ChildSeries:
    """Return the memory of one child process."""
    return ChildSeries(process=process, text=text, private_bytes=tuple(values))


def test_growing_child_is_a_channel_of_its_own() -> None:
    """A child that keeps a mebibyte an iteration is a leak in the channel of the memory of children, and is named."""
    children = [child(7, [20 * MIB] * 21, "node"), child(8, [(20 + n) * MIB for n in range(21)])]
    judgement = judge(evidence(children=children))
    assert (judgement.state, judgement.leaking_channels) == ("leaking", ("child_memory",))
    memory = judgement.resources.child_memory
    assert memory is not None
    assert (memory.before, memory.after, memory.per_iteration) == (40 * MIB, 60 * MIB, MIB)
    assert memory.examples == ("python server.py (+1.00 MiB per iteration)",)


def test_memory_of_children_leaks_from_16_kib_on() -> None:
    """Growth of a child by less than the floor is none."""
    for growth, state in ((CHILD_FLOOR_BYTES, "leaking"), (CHILD_FLOOR_BYTES - 4096, "stable")):
        assert judge(evidence(children=[child(7, [20 * MIB + n * growth for n in range(21)])])).state == state


def test_child_that_fills_its_caches_is_no_leak() -> None:
    """The memory of a child rises in its first iterations and stays there."""
    values = [20 * MIB, 26 * MIB, 28 * MIB, 29 * MIB] + [29 * MIB + 4096 * (n % 3) for n in range(17)]
    assert judge(evidence(children=[child(7, values)])).state == "stable"


def test_children_that_are_replaced_are_no_leak() -> None:
    """Memory of children which live for some iterations only is not judged as that of one child."""
    values = [20 * MIB + (n % 10) * MIB for n in range(21)]
    assert judge(evidence(child_bytes=values)).state == "stable"


def test_memory_of_added_children_is_named_with_them() -> None:
    """Where each iteration leaves a child behind, its memory is part of the leak."""
    judgement = judge(evidence([series("child_processes", range(21))], child_bytes=[30 * MIB * n for n in range(21)]))
    assert judgement.leaking_channels == ("child_processes", "child_memory")


def test_run_without_resources_has_no_trends() -> None:
    """Where nothing could be read, nothing is said."""
    trends = resource_trends(evidence())
    assert (trends.resources, trends.child_memory, trends.reasons(20)) == ((), None, [])


def test_ignored_resource_is_not_judged() -> None:
    """A leak of threads that the user ignores is named as suppressed; sockets take their part of the descriptors along."""
    grown = [series("threads", range(21)), series("sockets", range(21)), series("file_descriptors", range(6, 27))]
    ignored = {"threads": "a pool of ours", "sockets": "TICKET-3"}
    assessment = assess(msgspec.structs.replace(evidence(grown), ignored_resources=ignored))
    assert assessment.judgement.state == "stable"
    assert [(growth.resource, growth.bytes_per_iteration) for growth in assessment.suppressed] == [
        ("threads", 1.0),
        ("sockets", 1.0),
    ]


def test_ignored_memory_of_children_is_not_judged() -> None:
    """Other resources are judged all the same."""
    children = [child(7, [(20 + n) * MIB for n in range(21)])]
    both = msgspec.structs.replace(
        evidence([series("tasks", range(21))], children=children), ignored_resources={"child_memory": "known"}
    )
    assert assess(both).judgement.leaking_channels == ("tasks",)
