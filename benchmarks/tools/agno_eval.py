"""Run agno's ``PerformanceEval`` with ``memory_growth_tracking`` and ``debug_mode``, as its documentation shows.

After each iteration but the first it prints the lines that grew since the iteration before. Flagged if a reader would see
growth that stays: at least half of these reports name a line of the scenario's file. Also flagged, for memory that is needed
and not kept, if the peaks that it records rise: the least of the last third is above the most of the first third.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import re
from collections import Counter
from typing import Any

from agno.eval import performance  # type: ignore[import-not-found]

from benchmarks.tools.answer import ToolAnswer, job, print_answer

_REPORT = "Top 5 memory growth sources"
_GROWN = re.compile(r"^\s*\+(?P<mib>[\d.]+) MiB: \d+ new blocks")
_LOCATION = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


def main() -> None:
    """Measure and answer."""
    task = job()
    scenario = task.scenario
    printed: list[str] = []
    performance.log_debug = lambda message, *_, **__: printed.append(str(message))
    evaluation = performance.PerformanceEval(
        func=scenario.func,
        name=scenario.name,
        num_iterations=task.iterations,
        warmup_runs=task.warmup,
        measure_runtime=False,
        memory_growth_tracking=True,
        debug_mode=True,
        show_spinner=False,
        telemetry=False,
    )
    logging.disable(logging.NOTSET)
    with contextlib.redirect_stdout(io.StringIO()):
        is_async = asyncio.iscoroutinefunction(scenario.func)
        peaks = asyncio.run(_arun(evaluation, scenario.setup)) if is_async else _run(evaluation, scenario.setup)
    print_answer(_read(printed, peaks, scenario.file))


def _run(
    evaluation: Any,  # noqa: ANN401 - agno is not typed here
    setup: object,
) -> list[float]:
    if callable(setup):
        setup()
    return list(evaluation.run().memory_usages)


async def _arun(
    evaluation: Any,  # noqa: ANN401 - agno is not typed here
    setup: object,
) -> list[float]:
    if callable(setup):
        made = setup()
        if asyncio.iscoroutine(made):
            await made
    return list((await evaluation.arun()).memory_usages)


def _read(printed: list[str], peaks: list[float], file: str) -> ToolAnswer:
    reports: list[list[tuple[str, int]]] = []
    grown = False
    for message in printed:
        if _REPORT in message:
            reports.append([])
        elif _GROWN.match(message):
            grown = True
        elif grown and reports:
            grown = False
            location = _LOCATION.search(message)
            if location and os.path.basename(location["file"]) == file:
                reports[-1].append((location["file"], int(location["line"])))
    with_own = [report for report in reports if report]
    third = len(peaks) // 3
    peaks_rise = third > 0 and min(peaks[-third:]) > max(peaks[:third])
    lines = Counter(report[0] for report in with_own)
    first = lines.most_common(1)[0][0] if lines else ("", 0)
    return ToolAnswer(
        flagged=peaks_rise or (bool(reports) and 2 * len(with_own) >= len(reports)),
        detail=f"own lines in {len(with_own)} of {len(reports)} reports; peaks {'rise' if peaks_rise else 'do not rise'}",
        file=first[0],
        line=first[1],
        extra={"kept": 2 * len(with_own) >= len(reports) > 0, "peaks_rise": peaks_rise},
    )


if __name__ == "__main__":
    main()
