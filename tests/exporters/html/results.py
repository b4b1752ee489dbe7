"""Results for tests of the page: one with every part, and one whose texts are all the same name."""

from __future__ import annotations

import msgspec

from otel_memeval.records import (
    ChainStep,
    Channels,
    ChildMemory,
    CodeLocation,
    Eval,
    Explanation,
    Failure,
    GenAi,
    Git,
    GrownType,
    Growth,
    GrowthStack,
    Holder,
    InitialReading,
    Iteration,
    Limits,
    Resource,
    Resources,
    Result,
    Run,
    Site,
    Statistics,
    Summary,
    Suppressed,
    Verdict,
)
from otel_memeval.records.comparison import ComparedRun, Comparison, Difference, LeakChange

KEPT_BYTES = 20_480
LIBRARY = CodeLocation(file="library/client.py", line=7, function="Client.send")
MALLOC = CodeLocation(file="libc.so", line=0, function="malloc")
OWN = CodeLocation(file="agent.py", line=3, function="run")


def full_comparison() -> Comparison:
    """Return a comparison with every part."""
    earlier = ComparedRun(run_id="1", started_at="2026-11-29T10:00:00+00:00", commit="aaaaaaaaaaaa", branch="main")
    return Comparison(
        outcome="regressed", summary="regressed since aaaaaaa (2026-11-29): +20.0 KiB per iteration [19.5 KiB, 20.5 KiB]",
        baseline="median of 3 runs", runs=[earlier], since=earlier,
        differences=[
            Difference(quantity="growth.retained", unit="bytes per iteration", outcome="regressed", value=20480.0,
                       baseline=0.0, difference=20480.0, ci_low=20000.0, ci_high=21000.0, effect=0.5),
            Difference(quantity="duration", unit="seconds", outcome="unknown", decides=False),
        ],
        leaks=[LeakChange(signature="0", location="agent.py:3 (run)", status="new", per_iteration=20480.0)],
    )  # fmt: skip


def full_result(iterations: int = 8, sites: int = 3) -> Result:
    """Return a leaking run in which every part of a result is present."""
    growth = Growth(bytes_per_iteration=KEPT_BYTES, ci_low=20_000.0, ci_high=21_000.0)
    numbers = Statistics(mean=2.0, min=1.0, max=3.0, stdev=0.5, median=2.0, p95=3.0)
    warmup = [_iteration(1, "warmup", 1_000_000)]
    measured = [_iteration(index, "measured", 1_000_000 + KEPT_BYTES * index) for index in range(1, iterations + 1)]
    return Result(
        run=Run(
            id="7fb272a259fd4ad9912503e6718625ae", started_at="2026-11-30T10:00:00+00:00", duration_seconds=3.5,
            target="agent.py:run", python="3.12.1", platform="Linux", description="model gpt", trace_id="7fb2",
            git=Git(commit="d630f4c52a17867d251f", branch="main", dirty=True), packages={"httpx": "0.28.1"},
            missing_channels=["the C heap (musl)"], event_loop="uvloop.Loop", changed_variables=["PYTHONMALLOC"],
        ),
        eval=Eval(name="Ask the agent", iterations=iterations, warmup=1, limits=Limits(max_growth_bytes=4096), agent_id="a"),
        iterations=[*warmup, *measured],
        growth=Channels(retained=growth, peak=growth, native=growth, process=growth),
        sites=[_site(place) for place in range(sites)],
        holders=[
            Holder(path="agent.AGENT -> Agent.log", type="list", length=8, items_per_iteration=1.0,
                   bytes_per_iteration=20_480.0),
            Holder(path="", type="dict", length=5, items_per_iteration=0.0, bound=10, bound_from="maxlen"),
        ],
        verdict=Verdict(state="leaking", summary="keeps 20.0 KiB more every iteration", reasons=["a reason"],
                        channels=["retained", "resources", "child_memory"]),
        statistics=Summary(runtime_seconds=numbers, peak_bytes=numbers, retained_bytes=numbers),
        more_sites=2, more_holders=1, initial_reading=InitialReading(retained_bytes=990_000),
        suppressed=[Suppressed(site="x.py:1", bytes_per_iteration=10.0, reason="known")],
        resources=Resources(
            threads=Resource(before=1, after=9, per_iteration=1.0, growing=True, examples=["Thread of poll"], made_at=[OWN]),
            sockets=Resource(before=0, after=0, per_iteration=0.0),
            child_memory_bytes=ChildMemory(before=10, after=100, per_iteration=11.0, growing=True, examples=["node (3)"]),
        ),
        failure=Failure(type="ValueError", message="no", frames=[OWN]),
        explanation=Explanation(
            iterations=4, recorded_by=["tracemalloc"], notes=["a note"],
            types=[GrownType(type="bytearray", objects_per_iteration=1.0, bytes_per_iteration=20_480.0)],
            chain=[ChainStep(step="agent.AGENT", type="Agent"), ChainStep(step="[7]", type="bytearray")],
            stacks=[
                GrowthStack(frames=[LIBRARY, OWN], bytes_per_iteration=20_000.0),
                GrowthStack(frames=[MALLOC, OWN], bytes_per_iteration=480.4),
            ],
        ),
        left_out=["the callers"], limits_exceeded=["retained memory grew by 20.0 KiB per iteration"],
    )  # fmt: skip


def _iteration(index: int, phase: str, retained_bytes: int) -> Iteration:
    failed = phase == "measured" and index == 2
    return Iteration(
        index=index, phase="warmup" if phase == "warmup" else "measured", started_at="2026-11-30T10:00:00.123456+00:00",
        duration_seconds=0.0123 + index / 1e5, status="error" if failed else "ok",
        error=Failure(type="ValueError", message="no", frames=[OWN]) if failed else None,
        retained_bytes=retained_bytes, retained_blocks=1234, peak_bytes=500_000 + index, traced_current_bytes=retained_bytes,
        rss_bytes=60_000_000 + index, uss_bytes=50_000_000 + index, native_heap_bytes=4_000_000 + index, cpu_seconds=0.01,
        gen_ai=GenAi(model_calls=2, tool_calls=1, input_tokens=100 + index, output_tokens=10, spans=4),
    )  # fmt: skip


def _site(place: int) -> Site:
    return Site(
        file="agent.py", line=3 + place, function="run", retained_bytes=200_000, blocks=8, signature=f"{place:012}",
        bytes_per_iteration=KEPT_BYTES / (place + 1), allocated_at=[LIBRARY], through=LIBRARY, bounded=place == 2,
    )  # fmt: skip


def with_comparison(result: Result) -> Result:
    """Return the result with a comparison."""
    return msgspec.structs.replace(result, baseline_comparison=full_comparison())


def with_every_text(result: Result, name: str) -> Result:
    """Return the result with the name in the place of each text that is free."""
    return msgspec.convert(_renamed(result, name), Result)


def _renamed(value: object, name: str) -> object:
    if isinstance(value, msgspec.Struct):
        fields = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
        return {field.name: name if _is_free(field, part) else _renamed(part, name) for field, part in fields}
    if isinstance(value, list):
        return [
            name if isinstance(item, str) and item not in ("tracemalloc", *_CHANNELS) else _renamed(item, name)
            for item in value
        ]
    return {name: name} if isinstance(value, dict) else value


_CHANNELS = ("retained", "resources", "child_memory")


def _is_free(field: msgspec.structs.FieldInfo, value: object) -> bool:
    return isinstance(value, str) and field.type in (str, str | None)
