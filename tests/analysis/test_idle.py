"""Idle scenarios: any work beyond a limit makes a run stable."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.evidence import CallWork, DroppedStream, IterationWork
from otel_memeval.analysis.judge import judge
from otel_memeval.verdicts import State
from tests.analysis.test_judge import LINE, evidence, levels

NOOP_PEAK_BYTES = 279


def idle_work(**changes: object) -> tuple[IterationWork, ...]:
    """Return the work of twenty idle iterations with ``changes``."""
    nothing = IterationWork(cpu_seconds=0.00001, waits=0, suspended=False, peak_bytes=NOOP_PEAK_BYTES)
    return tuple([msgspec.structs.replace(nothing, **changes)] * 20)


def test_run_without_work_is_idle() -> None:
    """A run that waits for nothing, allocates nothing and changes nothing is idle."""
    assert judge(evidence(work=idle_work())).state == "idle"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"waits": 1}, "stable"),
        ({"suspended": True}, "stable"),
        ({"cpu_seconds": 0.02}, "idle"),
        ({"cpu_seconds": 0.021}, "stable"),
        ({"peak_bytes": NOOP_PEAK_BYTES + 32}, "idle"),
        ({"peak_bytes": NOOP_PEAK_BYTES + 33}, "stable"),
    ],
)
def test_run_with_work_beyond_a_limit_is_not_idle(changes: dict[str, object], state: State) -> None:
    """Waiting, yielding to the event loop, computing for 20 ms and allocating 32 bytes are limits of an idle run."""
    assert judge(evidence(work=idle_work(**changes))).state == state


@pytest.mark.parametrize(
    ("peak_bytes", "awaits_nothing", "state"), [(65_536, True, "idle"), (65_537, True, "stable"), (30_000, False, "stable")]
)
def test_async_function_that_awaits_nothing_is_idle_up_to_64_kib(
    peak_bytes: int, awaits_nothing: bool, state: State
) -> None:
    """Some kilobytes for a stream that nobody reads are no work; the same bytes in a function that awaits are work."""
    work = idle_work(peak_bytes=peak_bytes)
    assert judge(evidence(work=work, awaits_nothing=awaits_nothing)).state == state


STREAM = DroppedStream(kind="async generator", name="Team.arun", place="scenario.py:7 (run)")
DROPS = CallWork(computes=True, communicates=False, dropped=(STREAM, STREAM))


@pytest.mark.parametrize(
    ("call_work", "state"),
    [
        (DROPS, "idle"),
        (msgspec.structs.replace(DROPS, communicates=True), "stable"),
        (msgspec.structs.replace(DROPS, dropped=()), "stable"),
        (CallWork(computes=False, communicates=False, dropped=()), "idle"),
    ],
)
def test_watched_call_decides(call_work: CallWork, state: State) -> None:
    """A call that drops a stream or calls nothing is idle; one that computes or uses a socket is not, however short."""
    assert judge(evidence(work=idle_work(), awaits_nothing=True, call_work=call_work)).state == state


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"suspended": True}, "idle"), ({"waits": None, "suspended": True}, "stable"), ({"waits": 1}, "stable")],
)
def test_stream_may_be_dropped_behind_gather(changes: dict[str, object], state: State) -> None:
    """Tasks that run beside each other are no wait; where waits cannot be counted they are."""
    assert judge(evidence(work=idle_work(**changes), call_work=DROPS)).state == state


@pytest.mark.parametrize(("step", "state"), [(4_096, "idle"), (4_097, "stable")])
def test_memory_may_move_by_4_kib_beside_a_dropped_stream(step: int, state: State) -> None:
    """Live memory that moves beside a dropped stream is the framework's; a function that moves more does work."""
    retained = levels(0, *[step, -step] * 9, 0)
    assert judge(evidence(work=idle_work(), retained=retained, call_work=DROPS)).state == state


def test_reason_names_the_dropped_stream_and_the_remedy() -> None:
    """The reason has the function of the stream, the line that drops it, how many more there are, and what to do."""
    (reason,) = judge(evidence(work=idle_work(), call_work=DROPS)).reasons
    dropped = "the async generator of Team.arun is dropped unread at scenario.py:7 (run) (and 1 more)"
    assert reason == f"{dropped}; read it with `async for`"


def test_run_that_changes_memory_is_not_idle() -> None:
    """A function that changes live memory does work, however little it allocates."""
    assert judge(evidence(work=idle_work(), sites={LINE: levels(*[64, -64] * 10)})).state == "stable"


@pytest.mark.parametrize(("step", "state"), [(4_096, "idle"), (4_097, "stable")])
def test_run_that_moves_the_c_heap_by_more_than_4_kib_is_not_idle(step: int, state: State) -> None:
    """The C heap moves by up to 4 KiB beside an idle function."""
    assert judge(evidence(work=idle_work(), native=levels(0, step, *[0] * 18))).state == state


def test_first_iteration_without_a_warm_up_may_work() -> None:
    """Without a warm-up the first iteration imports and connects, so the others decide."""
    work = idle_work()
    busy = msgspec.structs.replace(work[0], waits=5)
    assert judge(evidence(warmup=0, work=(busy, *work[1:]))).state == "idle"
    assert judge(evidence(warmup=3, work=(busy, *work[1:]))).state == "stable"


@pytest.mark.parametrize("series", ["native", "retained"])
@pytest.mark.parametrize(("warmup", "step", "is_idle"), [(0, 2, True), (0, 3, False), (3, 2, False)])
def test_first_iteration_without_a_warm_up_may_move_memory(series: str, warmup: int, step: int, is_idle: bool) -> None:
    """A part of it is read after the second iteration only: with agno 5.3 KB of the C heap."""
    moved = {series: levels(*[0] * (step - 1), 9000, *[0] * (20 - step))}
    still = evidence(warmup=warmup, work=idle_work(), call_work=DROPS)
    assert (judge(msgspec.structs.replace(still, **moved)).state == "idle") is is_idle
