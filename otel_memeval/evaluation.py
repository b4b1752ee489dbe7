"""The eval: what one iteration does, how often, and what is allowed. Standard library only (see ``__init__``).

The fields carry agno's names and meanings (``agno.eval.performance.PerformanceEval``), so that an import line is all that
changes; below them stand the fields that are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_memeval.records import Result


@dataclass(frozen=True)
class PerformanceEval:
    """One agent scenario to be measured.

    ``func`` takes no arguments and may be sync or async. What it returns is used up: a coroutine is awaited, an async
    iterator or a generator is consumed to its end.
    """

    func: Callable[[], object]
    """What one iteration calls."""
    measure_runtime: bool = True
    """``run()`` and ``arun()`` print durations. They are measured either way, and the command line shows them."""
    measure_memory: bool = True
    """``run()`` and ``arun()`` print and judge memory; without it a verdict is ``failed``, ``idle`` or ``inconclusive``. The
    command line judges memory either way."""
    name: str | None = None
    """Shown, and the ``eval`` label of every gauge; the function's name if missing."""
    warmup_runs: int | None = 10
    """Iterations before the measured ones; recorded, not judged."""
    num_iterations: int = 50
    """Measured iterations: a minimum while the verdict is inconclusive (see ``max_iterations``)."""
    print_summary: bool = False
    """``run()`` and ``arun()`` print the summary statistics and the verdict."""
    print_results: bool = False
    """``run()`` and ``arun()`` print the table of iterations."""
    show_spinner: bool = True
    """Show a progress bar while the command line measures."""
    memory_growth_tracking: bool = False
    """What ``run()`` and ``arun()`` print has growing sites and holders. They are recorded either way."""
    top_n_memory_allocations: int = 5
    """Growing sites and holders that are shown and sent."""
    agent_id: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None
    file_path_to_save_results: str | None = None
    """Where ``run()`` and ``arun()`` write the result as JSON; ``{name}`` and ``{run_id}`` are filled in."""
    debug_mode: bool = False
    """Show every iteration's growing lines."""
    db: object | None = None
    """A database of agno, or another object with the method ``create_eval_run``: the run is stored there as agno does it,
    with the verdict and the growth, after the last reading."""
    telemetry: bool = True
    """Accepted so that agno's arguments fit: nothing is ever sent to this tool's makers."""

    eval_id: str | None = None
    """An identifier of the caller's own, repeated in the result."""
    setup: Callable[[], object] | None = None
    """Called once before the first iteration, in the same event loop."""
    teardown: Callable[[], object] | None = None
    """Called once after the last iteration, in the same event loop, also when an iteration failed."""
    loop_factory: Callable[[], object] | None = None
    """Makes the event loop, as for ``asyncio.Runner``, such as ``uvloop.new_event_loop``. Without a factory it is the loop
    that the module has set, else a new loop of the event loop policy. ``arun()`` measures in the running loop."""
    describe: Callable[[], str] | None = None
    """Asked once after ``setup``: one line that says what the scenario runs against (which model, which database). It is
    the first line of the report."""
    max_iterations: int | None = None
    """How far the measured iterations may be extended while the verdict is inconclusive."""
    max_growth: int | str | None = None
    """Allowed retained growth per iteration, in bytes or as text (``"16KiB"``); past it the run fails."""
    max_peak_growth: int | str | None = None
    """Allowed peak growth per iteration, in bytes or as text; past it the run fails."""

    resources: Mapping[str, float | str] | None = None
    """Resources that the eval asks of its node with ``--ray``: ``cpu`` (1 unless given), ``gpu``, ``memory`` (``"2GiB"``),
    and labels of the cluster, such as ``{"model-quota": 1}``."""

    ignore: Sequence[Mapping[str, str]] = ()
    """Growth that is not judged: dicts with ``reason`` and either ``site`` or ``holder``, which are patterns.

    A site pattern matches ``FILE:LINE`` or ``FILE:FUNCTION``, a holder pattern the path of a container; ``*`` and ``?`` are
    wildcards: ``{"site": "app/cache.py:*", "reason": "filled on purpose"}``.
    """

    def run(
        self, *, print_summary: bool = False, print_results: bool = False, memory_growth_tracking: bool = False
    ) -> Result:
        """Measure a sync or async function in the calling process and return the result.

        An argument that is true stands for the field of its name. Outside a running event loop only; inside one, as in a
        notebook, ``await arun()``. The command line measures in a process of its own, which sees less noise and survives a
        crash.

        Raises ``TargetError`` for an eval that cannot be measured, ``UsageError`` inside a running event loop.
        """
        from otel_memeval.run.in_process import run_in_process

        asked = self._asked(print_summary, print_results, memory_growth_tracking)
        return _save_and_print(asked, run_in_process(self))

    async def arun(
        self, *, print_summary: bool = False, print_results: bool = False, memory_growth_tracking: bool = False
    ) -> Result:
        """Measure in the calling process, in the running event loop; otherwise as ``run()``."""
        from otel_memeval.run.in_process import arun_in_process

        asked = self._asked(print_summary, print_results, memory_growth_tracking)
        return _save_and_print(asked, await arun_in_process(self))

    def _asked(self, summary: bool, results: bool, growth: bool) -> PerformanceEval:
        """Return the eval with the fields that a call asks for."""
        return replace(
            self,
            print_summary=self.print_summary or summary,
            print_results=self.print_results or results,
            memory_growth_tracking=self.memory_growth_tracking or growth,
        )


def _save_and_print(evaluation: PerformanceEval, result: Result) -> Result:
    """Write the result file and print the parts of the report that the eval's fields ask for; return the result."""
    if not evaluation.measure_memory:
        from otel_memeval.run.result import without_judgement_of_memory

        result = without_judgement_of_memory(result)
    if evaluation.file_path_to_save_results:
        from otel_memeval.files import replace_file
        from otel_memeval.records import to_json

        path = Path(evaluation.file_path_to_save_results.format(name=result.eval.name, run_id=result.run.id))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, to_json([result]))
    if evaluation.print_summary or evaluation.print_results:
        from otel_memeval.exporters.terminal.report import Report, print_report
        from otel_memeval.exporters.terminal.text import make_console

        parts = Report(
            iterations=evaluation.print_results,
            statistics=evaluation.print_summary,
            growth=evaluation.memory_growth_tracking,
            runtime=evaluation.measure_runtime,
            memory=evaluation.measure_memory,
        )
        print_report(make_console(), result, parts)
    return result
