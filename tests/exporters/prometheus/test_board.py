"""The board that all Prometheus exporters read: one state an eval, whole at every moment."""

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
    return make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()), **parts)


def value(state: EvalState, metric: telemetry.Metric) -> float:
    return next(one.value for one in state.gauges if one.metric == metric.name)


def test_a_board_counts_on_from_what_an_earlier_process_knew(make_result: MakeResult) -> None:
    """Runs are added up, and the last success of before is still told after a run that did not pass."""
    earlier = Board(str).told(make_result(), 100.0, passed=True)
    board = Board(str, [earlier])
    state = board.told(make_result(), 200.0, passed=False, interval_seconds=60.0)
    assert state.runs == {"leaking": 2}
    assert value(state, telemetry.LAST_RUN) == 200.0
    assert value(state, telemetry.LAST_SUCCESS) == 100.0
    assert value(state, telemetry.EXPECTED_INTERVAL) == 60.0
    assert board.snapshot().evals == [state]


def test_evals_are_told_apart_and_forgotten_by_name(make_result: MakeResult) -> None:
    """A name is forgotten once; the others stay."""
    board = Board(str)
    for name in ("a", "b"):
        board.told(of(make_result, name), 1.0, passed=False)
    assert board.forget("a")
    assert not board.forget("a")
    assert [one.eval for one in board.snapshot().evals] == ["b"]


def test_secrets_are_taken_out_of_every_label(make_result: MakeResult) -> None:
    """The eval is found, skipped and forgotten under its masked name, and no gauge holds the secret."""
    board = Board(lambda text: text.replace("hunter2", "***"))
    board.told(of(make_result, "eval hunter2"), 1.0, passed=False)
    state = board.skipped("eval hunter2")
    assert (state.eval, state.skipped) == ("eval ***", 1)
    assert "hunter2" not in repr(board.snapshot())
    assert board.forget("eval hunter2")


def test_failures_of_exporters_are_added_up(make_result: MakeResult) -> None:
    """An exporter that never failed is told as zero; the spool's size as it is now."""
    board = Board(str)
    board.exporting("otlp")
    board.exporting("pushgateway", 1)
    board.exporting("pushgateway", 2)
    board.spooled(10)
    assert board.snapshot().export_failures == {"otlp": 0, "pushgateway": 3}
    assert board.snapshot().spool_bytes == 10


def test_a_reader_never_sees_half_of_a_run(make_result: MakeResult) -> None:
    """While one thread tells a thousand runs, every snapshot of another holds counters and gauges of the same run."""
    board = Board(str)
    board.told(make_result(), 1.0, passed=True)
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
        board.told(make_result(), float(number), passed=True)
    ended.set()
    reader.join()
    assert torn == []
    assert sum(board.snapshot().evals[0].runs.values()) == 1000
