"""``otel-memeval replay`` sends every waiting batch in order and once, also when it is interrupted or killed."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.fake_worker import FakeWorker
from benchmarks.receiver import free_port
from otel_memeval.config import Settings
from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
from otel_memeval.run.context import RunContext, RunStart
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.session import Session
from tests.cli.receivers import PlannedResponse, Receiver

if TYPE_CHECKING:
    from tests.cli.conftest import Tool

SPANS = 13
"""The spans of twelve iterations and of the run."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a spool with the undelivered batches of two runs: one span each, metrics and a record."""
    folder = tmp_path_factory.mktemp("left") / "spool"
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1",
        "MEMEVAL_SPOOL": str(folder),
    }
    for _ in range(2):
        settings = Settings(environment=environment, folder=str(folder.parent))
        pipeline = ExportPipeline(settings, ExportOptions(), sys.stderr)
        options = Options(iterations=SPANS - 1, warmup=0, follow_up=False)
        observer = pipeline.observer(Observer())
        session = Session.load(RunContext(RunStart.now(), options, observer, settings), FakeWorker(1), "made up", "")
        session.measure()
        session.result()
        pipeline.close()
        assert pipeline.undelivered
    return folder


@pytest.fixture
def spool(left_behind: Path, tmp_path: Path) -> Path:
    """Return a copy of that spool."""
    return Path(shutil.copytree(left_behind, tmp_path / "spool"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a receiver that takes every batch, a little slowly."""
    made = Receiver(always=PlannedResponse(seconds=0.03))
    yield made
    made.close()


def variables(receiver: Receiver | None) -> dict[str, str]:
    """Return the environment that names the receiver."""
    return {} if receiver is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}


def waiting(spool: Path) -> list[Path]:
    """Return the batches of spans, in order."""
    return sorted(spool.glob("*/*.traces.jsonl"))


def ids(path: Path) -> list[str]:
    """Return the ids of the spans in a file."""
    message = json.loads(path.read_bytes())
    return [span["spanId"] for group in message["resourceSpans"] for scope in group["scopeSpans"] for span in scope["spans"]]


def test_replay_sends_all_batches_in_order_and_deletes_them(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """Older runs come first, each in the order of its spans; a second replay has nothing to send."""
    expected = [span_id for path in waiting(spool) for span_id in ids(path)]
    assert len(expected) == 2 * SPANS
    done = tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    assert done.status == 0
    assert [span.span_id.hex() for span in receiver.spans] == expected
    assert list(spool.glob("*")) == []
    again = tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    assert (again.status, again.stdout) == (0, "batches: 0 delivered\n")
    assert len(receiver.spans) == len(expected)


def test_two_replays_at_once_send_each_batch_once(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """They share the work, or one waits for the other."""
    arguments = ("replay", "--spool", str(spool))
    both = [tool.start(*arguments, environment=variables(receiver), json_file=False) for _ in range(2)]
    assert [started.finish().status for started in both] == [0, 0]
    assert set(receiver.times_taken.values()) == {1}
    assert len(receiver.spans) == 2 * SPANS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_replay_loses_nothing_and_sends_nothing_twice(
    tool: Tool, spool: Path, receiver: Receiver, number: signal.Signals
) -> None:
    """The current batch is finished; the others wait for the next replay."""
    started = tool.start("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    while len(receiver.spans) < 3:
        assert started.process.poll() is None
    started.process.send_signal(number)
    assert started.finish().status == 130
    assert 3 <= len(receiver.spans) < 2 * SPANS
    assert len(receiver.spans) + len(waiting(spool)) == 2 * SPANS
    assert tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False).status == 0
    assert set(receiver.times_taken.values()) == {1}
    assert len(receiver.spans) == 2 * SPANS


def test_killed_replay_can_be_repeated(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """Its locks are free again; at most the current batch is delivered twice."""
    started = tool.start("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    while len(receiver.spans) < 3:
        assert started.process.poll() is None
    started.process.kill()
    started.finish()
    assert tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False).status == 0
    assert len(receiver.times_taken) == 2 * SPANS
    assert sum(receiver.times_taken.values()) <= 2 * SPANS + 1


def test_file_gives_two_receivers_the_same_ids(tool: Tool, spool: Path, receiver: Receiver, tmp_path: Path) -> None:
    """A file that is named is sent as it is, and stays."""
    file = tmp_path / "trace.jsonl"
    with file.open("wb") as out:
        for path in waiting(spool)[:SPANS]:
            out.write(path.read_bytes())
    before = file.read_bytes()
    second = Receiver()
    try:
        for target in (receiver, second):
            assert tool.run("replay", str(file), environment=variables(target), json_file=False).status == 0
    finally:
        second.close()
    assert file.read_bytes() == before
    first, other = (
        [(span.trace_id, span.span_id, span.parent_span_id) for span in target.spans] for target in (receiver, second)
    )
    assert first == other
    assert len(first) == SPANS


def test_undelivered_batches_wait_and_the_status_is_4(tool: Tool, spool: Path) -> None:
    """A receiver that is gone is tried until --timeout."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    before = waiting(spool)
    done = tool.run("replay", "--spool", str(spool), "--timeout", "0.5", environment=environment, json_file=False)
    assert done.status == 4
    assert "not delivered" in done.stdout
    assert waiting(spool) == before
    file = tool.run("replay", str(before[0]), "--timeout", "0", environment=environment, json_file=False)
    assert file.status == 4


def test_temporary_file_of_a_killed_run_is_deleted(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """A file without its final name is incomplete."""
    for folder in list(spool.iterdir())[1:]:
        shutil.rmtree(folder)
    (folder,) = spool.iterdir()
    (folder / "000999.part").write_bytes(b'{"resourceSpans": [')
    assert tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False).status == 0
    assert list(spool.iterdir()) == []


def test_wrong_usage_is_status_2(tool: Tool, tmp_path: Path) -> None:
    """No receiver for a file, an address that is none, and a file that does not exist; an empty spool is no error."""
    tool.write("batch.jsonl", '{"resourceSpans": []}')
    nowhere = tool.run("replay", "batch.jsonl", json_file=False)
    assert nowhere.status == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in nowhere.text
    assert tool.run("replay", "batch.jsonl", "--endpoint", "nonsense", json_file=False).status == 2
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert tool.run("replay", "nothing.jsonl", environment=environment, json_file=False).status == 2
    empty = tool.run("replay", "--spool", str(tmp_path / "none"), environment=environment, json_file=False)
    assert empty.status == 0


def test_lines_that_are_no_otlp_message_are_unreadable(tool: Tool, receiver: Receiver) -> None:
    """The message names the reason, and the status is 4."""
    tool.write("odd.jsonl", '{"what": 1}\nnonsense\n')
    done = tool.run("replay", "odd.jsonl", environment=variables(receiver), json_file=False)
    assert (done.status, done.stdout) == (4, "batches: 0 delivered, 2 unreadable\n")
    assert "no OTLP message" in done.stderr
