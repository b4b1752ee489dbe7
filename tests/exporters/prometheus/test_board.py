"""The board with one state for each eval, which all Prometheus exporters read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.state import EvalState
from otel_memeval.records import Eval, Limits, Result

MakeResult = Callable[..., Result]


def of(make_result: MakeResult, name: str, **parts: Any) -> Result:
    """Return the result of an eval with this name."""
    return make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()), **parts)


def value(state: EvalState, metric: telemetry.Metric) -> float:
    """Return the value of a gauge."""
    return next(sample.value for sample in state.gauges if sample.metric == metric.name)


def test_board_continues_the_counters_of_an_earlier_process(make_result: MakeResult) -> None:
    """Runs are added, and the last success stays after a run that does not pass."""
    earlier = Board().add_run(make_result(), 100.0, passed=True)
    board = Board([earlier])
    state = board.add_run(make_result(), 200.0, passed=False, interval_seconds=60.0)
    assert state.runs == {"leaking": 2}
    assert value(state, telemetry.LAST_RUN) == 200.0
    assert value(state, telemetry.LAST_SUCCESS) == 100.0
    assert value(state, telemetry.EXPECTED_INTERVAL) == 60.0
    assert board.snapshot().evals == [state]


def test_remove_deletes_an_eval_by_name(make_result: MakeResult) -> None:
    """Other evals stay, and a second removal changes nothing."""
    board = Board()
    for name in ("a", "b"):
        board.add_run(of(make_result, name), 1.0, passed=False)
    board.remove("a")
    board.remove("a")
    assert [state.eval for state in board.snapshot().evals] == ["b"]


def test_board_adds_failures_of_exporters() -> None:
    """An exporter without failures has a counter of 0."""
    board = Board()
    board.add_failures("otlp", 0)
    board.add_failures("pushgateway", 1)
    board.add_failures("pushgateway", 2)
    board.set_spool_bytes(10)
    assert board.snapshot().export_failures == {"otlp": 0, "pushgateway": 3}
    assert board.snapshot().spool_bytes == 10


def test_snapshot_never_mixes_two_runs(make_result: MakeResult) -> None:
    """While one thread adds a thousand runs, counters and gauges of every snapshot are of the same run."""
    board = Board()
    board.add_run(make_result(), 1.0, passed=True)
    torn: list[EvalState] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            state = board.snapshot().evals[0]
            if sum(state.runs.values()) != value(state, telemetry.LAST_RUN):
                torn.append(state)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 1001):
        board.add_run(make_result(), float(number), passed=True)
    ended.set()
    reader.join()
    assert torn == []
    assert sum(board.snapshot().evals[0].runs.values()) == 1000
