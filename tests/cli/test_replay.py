"""``otel-memeval replay``: what waits is sent, in order, once, whatever happens meanwhile."""

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
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.session import RunContext, RunStart, Session
from tests.cli.receivers import Answer, Receiver

if TYPE_CHECKING:
    from tests.cli.conftest import Tool

SPANS = 13
"""Of twelve iterations."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two runs could not deliver: one span a batch, metrics and a record."""
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
    """As it was left."""
    return Path(shutil.copytree(left_behind, tmp_path / "spool"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """It takes everything, a little slowly."""
    made = Receiver(always=Answer(seconds=0.03))
    yield made
    made.close()


def variables(receiver: Receiver | None) -> dict[str, str]:
    """Where to send."""
    return {} if receiver is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}


def waiting(spool: Path) -> list[Path]:
    """Batches of spans, in order."""
    return sorted(spool.glob("*/*.traces.jsonl"))


def ids(path: Path) -> list[str]:
    """Of the spans in a file."""
    message = json.loads(path.read_bytes())
    return [span["spanId"] for group in message["resourceSpans"] for one in group["scopeSpans"] for span in one["spans"]]


def test_what_waits_is_sent_in_order_and_is_gone(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """Older runs first, each run in the order of its spans; afterwards there is nothing to send."""
    expected = [one for path in waiting(spool) for one in ids(path)]
    assert len(expected) == 2 * SPANS
    done = tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    assert done.status == 0
    assert [span.span_id.hex() for span in receiver.spans] == expected
    assert list(spool.glob("*")) == []
    again = tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    assert (again.status, again.stdout) == (0, "batches: 0 delivered\n")
    assert len(receiver.spans) == len(expected)


def test_two_at_once_send_each_batch_once(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """They share the work, or one waits for the other."""
    arguments = ("replay", "--spool", str(spool))
    both = [tool.start(*arguments, environment=variables(receiver), json_file=False) for _ in range(2)]
    assert [one.finish().status for one in both] == [0, 0]
    assert set(receiver.times_taken.values()) == {1}
    assert len(receiver.spans) == 2 * SPANS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_loses_nothing_and_sends_nothing_twice(
    tool: Tool, spool: Path, receiver: Receiver, number: signal.Signals
) -> None:
    """The batch at hand is answered; the rest waits for the next replay."""
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


def test_a_killed_replay_can_be_repeated(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """What it held is free again; at most the batch at hand is there twice."""
    started = tool.start("replay", "--spool", str(spool), environment=variables(receiver), json_file=False)
    while len(receiver.spans) < 3:
        assert started.process.poll() is None
    started.process.kill()
    started.finish()
    assert tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False).status == 0
    assert len(receiver.times_taken) == 2 * SPANS
    assert sum(receiver.times_taken.values()) <= 2 * SPANS + 1


def test_the_same_file_gives_two_receivers_the_same_ids(tool: Tool, spool: Path, receiver: Receiver, tmp_path: Path) -> None:
    """A file that is named is sent as it is, and stays."""
    file = tmp_path / "trace.jsonl"
    with file.open("wb") as out:
        for path in waiting(spool)[:SPANS]:
            out.write(path.read_bytes())
    before = file.read_bytes()
    second = Receiver()
    try:
        for one in (receiver, second):
            assert tool.run("replay", str(file), environment=variables(one), json_file=False).status == 0
    finally:
        second.close()
    assert file.read_bytes() == before
    told = [[(span.trace_id, span.span_id, span.parent_span_id) for span in one.spans] for one in (receiver, second)]
    assert told[0] == told[1]
    assert len(told[0]) == SPANS


def test_what_cannot_be_sent_is_status_4_and_waits(tool: Tool, spool: Path) -> None:
    """A receiver that is gone is asked for as long as --timeout says."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    before = waiting(spool)
    done = tool.run("replay", "--spool", str(spool), "--timeout", "0.5", environment=environment, json_file=False)
    assert done.status == 4
    assert "not delivered" in done.stdout
    assert waiting(spool) == before
    file = tool.run("replay", str(before[0]), "--timeout", "0", environment=environment, json_file=False)
    assert file.status == 4


def test_what_a_killed_run_left_half_written_is_taken_away(tool: Tool, spool: Path, receiver: Receiver) -> None:
    """A file without its name is not whole, and nobody will finish it."""
    for folder in list(spool.iterdir())[1:]:
        shutil.rmtree(folder)
    (folder,) = spool.iterdir()
    (folder / "000999.part").write_bytes(b'{"resourceSpans": [')
    assert tool.run("replay", "--spool", str(spool), environment=variables(receiver), json_file=False).status == 0
    assert list(spool.iterdir()) == []


def test_wrong_use_is_status_2(tool: Tool, tmp_path: Path) -> None:
    """Nowhere to send to, and a file that is not there."""
    nowhere = tool.run("replay", "--spool", str(tmp_path / "none"), json_file=False)
    assert nowhere.status == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in nowhere.text
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert tool.run("replay", "nothing.jsonl", environment=environment, json_file=False).status == 2
    empty = tool.run("replay", "--spool", str(tmp_path / "none"), environment=environment, json_file=False)
    assert empty.status == 0


def test_a_file_that_is_no_trace_is_said_to_be_none(tool: Tool, receiver: Receiver) -> None:
    """Other lines are sent; status 4."""
    tool.write("odd.jsonl", '{"what": 1}\nnonsense\n')
    done = tool.run("replay", "odd.jsonl", environment=variables(receiver), json_file=False)
    assert (done.status, done.stdout) == (4, "batches: 0 delivered, 2 rejected\n")
    assert "no OTLP message" in done.stderr
