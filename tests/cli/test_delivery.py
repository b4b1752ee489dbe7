"""Runs against receivers that work, fail, are slow or are gone: nothing is lost, and the run does not wait long."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from benchmarks.receiver import free_port
from tests.cli.receivers import PlannedResponse, Receiver, partial

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Tool

QUICK = "async def run():\n    import asyncio\n    await asyncio.sleep(0)\n"
LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
SPANS = 6
"""The spans of five iterations and of the run."""

MakeReceiver = Callable[..., Receiver]


@pytest.fixture
def receiver() -> Iterator[MakeReceiver]:
    """Make receivers, and close them at the end."""
    receivers: list[Receiver] = []

    def make(*answers: PlannedResponse, **options: object) -> Receiver:
        receivers.append(Receiver(*answers, **options))  # type: ignore[arg-type]
        return receivers[-1]

    yield make
    for made in receivers:
        made.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the spool of this test alone."""
    return tmp_path / "spool"


def batches(spool: Path, signal: str = "*") -> list[Path]:
    """Return the batches that wait in a spool."""
    return sorted(spool.glob(f"*/*.{signal}.jsonl"))


def variables(endpoint: str, spool: Path, **more: str) -> dict[str, str]:
    """Return the environment of a run that exports."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "MEMEVAL_SPOOL": str(spool), **more}


def export(tool: Tool, endpoint: str, spool: Path, *options: str, source: str = QUICK, **more: str) -> Done:
    """Measure five iterations and export them."""
    return tool.measure(source, "--fail-on", "failed", *options, environment=variables(endpoint, spool, **more))


def replay(tool: Tool, endpoint: str, spool: Path, *options: str, **more: str) -> Done:
    """Send the batches that wait."""
    return tool.run("replay", "--timeout", "1", *options, environment=variables(endpoint, spool, **more), json_file=False)


def test_run_delivers_every_signal_once(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """Spans, metrics and the verdict's record arrive with the configured headers and compression; no batch waits."""
    target = receiver()
    done = export(tool, target.url, spool, OTEL_EXPORTER_OTLP_HEADERS="x-key=abc", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert done.status == 0
    assert set(target.times_taken.values()) == {1}
    assert len(target.spans) == SPANS
    assert {span.trace_id.hex() for span in target.spans} == {done.result.run.trace_id}
    assert len(target.logs) == len(target.metrics) == 1
    assert {(headers["x-key"], headers["content-encoding"]) for headers in target.headers} == {("abc", "gzip")}
    assert batches(spool) == []
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in done.text
    run = next(span for span in target.spans if span.name.startswith("memeval.run"))
    for span in target.spans:
        assert run.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= run.end_time_unix_nano


@pytest.mark.parametrize(
    "ill",
    [
        PlannedResponse(429, (("Retry-After", "1"),)),
        PlannedResponse(503, (("Retry-After", "0"),)),
        PlannedResponse(503),
        PlannedResponse(502),
    ],
)
def test_batch_is_retried_when_the_receiver_is_busy(
    tool: Tool, receiver: MakeReceiver, spool: Path, ill: PlannedResponse
) -> None:
    """After 429 and 503, with and without Retry-After, the batch is sent again and taken once."""
    target = receiver(ill)
    done = export(tool, target.url, spool)
    assert (done.status, set(target.times_taken.values()), len(target.spans)) == (0, {1}, SPANS)
    assert target.requests > 1
    assert batches(spool) == []


@pytest.mark.parametrize("how", ["hangs", "refuses", "is ill for long", "wants a key"])
def test_failing_receiver_costs_two_seconds_and_loses_nothing(
    tool: Tool, receiver: MakeReceiver, spool: Path, how: str
) -> None:
    """The status is 4, the spans wait in the spool, and a replay delivers each of them once."""
    well = receiver()
    before = export(tool, well.url, spool).seconds
    always = {
        "hangs": PlannedResponse(seconds=30.0),
        "is ill for long": PlannedResponse(503, (("Retry-After", "3600"),)),
        "wants a key": PlannedResponse(401),
    }
    url = f"http://127.0.0.1:{free_port()}" if how == "refuses" else receiver(always=always[how]).url
    done = export(tool, url, spool)
    assert done.status == 4
    assert "not delivered to http://127.0.0.1" in done.text
    assert "otel-memeval replay" in done.text
    assert done.seconds < before + 2 + 1.5, "1.5 seconds are for a busy machine"
    waiting = batches(spool)
    assert waiting
    assert {path.stat().st_mode & 0o777 for path in waiting} == {0o600}
    taken = len(well.spans)
    sent = replay(tool, well.url, spool)
    assert (sent.status, batches(spool)) == (0, [])
    assert len(well.spans) == taken + SPANS
    assert set(well.times_taken.values()) == {1}


def test_partly_rejected_batch_is_kept_and_not_sent_again(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """The specification forbids a second attempt: the accepted spans would be stored twice."""
    target = receiver(partial(2, "too old, api_key=abcdef123"))
    done = export(tool, target.url, spool)
    assert done.status == 4
    assert "rejected 2 spans: too old" in done.text
    assert "abcdef123" not in done.text
    assert [path.suffixes[1] for path in batches(spool, "traces.rejected")] == [".rejected"]
    asked = target.requests
    assert replay(tool, target.url, spool).status == 0
    assert target.requests == asked


def test_rejected_batch_does_not_stop_the_others(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """A batch that is answered with 400 is set aside, and the next batches are delivered."""
    target = receiver(PlannedResponse(400))
    done = export(tool, target.url, spool, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1")
    assert done.status == 4
    assert len(target.spans) == SPANS - 1
    assert len(batches(spool, "traces.rejected")) == 1
    assert batches(spool, "traces") == []


def test_receiver_without_metrics_and_logs_is_accepted(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """A 404 for a signal that shares the common endpoint is a note; the status is 0."""
    target = receiver(unsupported=("metrics", "logs"))
    done = export(tool, target.url, spool)
    assert (done.status, len(target.spans)) == (0, SPANS)
    assert "takes no metrics" in done.text
    assert batches(spool) == []


@pytest.mark.parametrize("signal", ["traces", "metrics"])
def test_404_is_a_failure_for_spans_and_for_an_endpoint_of_one_signal(
    tool: Tool, receiver: MakeReceiver, spool: Path, signal: str
) -> None:
    """The address must be wrong: the batches wait, and the status is 4."""
    target = receiver(unsupported=(signal,))
    own = {} if signal == "traces" else {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{target.url}/v1/metrics"}
    done = export(tool, target.url, spool, **own)
    assert done.status == 4
    assert batches(spool, signal) != []
    assert "not delivered" in done.text


def test_full_spool_keeps_the_oldest_batches(tool: Tool, spool: Path) -> None:
    """The spool does not exceed its size, keeps the first batches, and the loss is reported."""
    gone = f"http://127.0.0.1:{free_port()}"
    more = {"MEMEVAL_SPOOL_BYTES": "6000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
    done = export(tool, gone, spool, "--iterations", "20", **more)
    assert done.status == 4
    assert "is full (6000 bytes)" in done.text
    assert "are lost" in done.text
    waiting = batches(spool)
    assert 0 < sum(path.stat().st_size for path in waiting) <= 6000
    assert [path.name.partition(".")[0] for path in waiting] == [f"{number:06d}" for number in range(1, len(waiting) + 1)]


def test_batches_are_sent_without_a_spool_when_it_cannot_be_written(
    tool: Tool, receiver: MakeReceiver, tmp_path: Path
) -> None:
    """The problem is reported, and the spans are delivered all the same."""
    target = receiver()
    (tmp_path / "spool").write_text("")
    done = export(tool, target.url, tmp_path / "spool")
    assert done.status == 0
    assert "cannot be written" in done.text
    assert len(target.spans) == SPANS


def test_credentials_reach_the_receiver_only(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """Header values and passwords in addresses are in no file and in no message."""
    more = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hidden-key-1"}
    gone = export(tool, f"http://user:hidden-word-2@127.0.0.1:{free_port()}", spool, **more)
    assert gone.status == 4
    written = b"".join(path.read_bytes() for path in batches(spool))
    for secret in ("hidden-key-1", "hidden-word-2", "user:"):
        assert secret not in gone.text
        assert secret.encode() not in written
    target = receiver()
    assert replay(tool, target.url, spool, **more).status == 0
    assert {headers["authorization"] for headers in target.headers} == {"Bearer hidden-key-1"}


def test_expired_certificate_keeps_the_spans_until_it_is_renewed(
    tool: Tool, receiver: MakeReceiver, spool: Path, tmp_path: Path
) -> None:
    """With a valid certificate, the configured CA and the client's certificate, the spans are delivered."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = authority.issue_cert("client@example.org")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    more = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem"),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(tmp_path / "client.pem"),
    }

    def listening(not_after: datetime | None) -> Receiver:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", not_after=not_after).configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return receiver(tls=context)

    expired = listening(datetime.now(timezone.utc) - timedelta(days=1))
    done = export(tool, expired.url.replace("http:", "https:"), spool, **more)
    assert done.status == 4
    assert "certificate has expired" in done.text
    renewed = listening(None)
    assert replay(tool, renewed.url.replace("http:", "https:"), spool, **more).status == 0
    assert len(renewed.spans) == SPANS


def test_verdict_decides_the_status_before_the_delivery(tool: Tool, spool: Path) -> None:
    """A leak and a dead receiver end with status 1, and the result is complete."""
    done = tool.measure(LEAK, environment=variables(f"http://127.0.0.1:{free_port()}", spool))
    assert (done.status, done.result.verdict.state) == (1, "leaking")


def test_run_in_the_calling_process_exports_the_same_spans(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """With --in-process the spans are delivered as with a worker."""
    target = receiver()
    done = export(tool, target.url, spool, "--in-process")
    assert (done.status, len(target.spans)) == (0, SPANS)
    assert {span.trace_id.hex() for span in target.spans} == {done.result.run.trace_id}


def test_run_without_a_destination_imports_nothing_and_prints_a_hint(tool: Tool, tmp_path: Path) -> None:
    """The hint is one line with -v, absent with exporters switched off; no SDK is imported, and no spool is created."""
    home = {"HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    program = (sys.executable, "-X", "importtime", "-m", "otel_memeval")
    done = tool.measure(QUICK, "-v", environment=home, program=program)
    assert done.status == 0
    assert done.text.count("OTEL_EXPORTER_OTLP_ENDPOINT") == 1
    for package in ("opentelemetry.sdk", "grpc", "requests", "google.protobuf"):
        assert f" {package}\n" not in done.stderr
    assert "OTEL_" not in tool.measure(QUICK, environment=home).text
    assert "OTEL_" not in tool.measure(QUICK, "-v", environment={**home, "OTEL_TRACES_EXPORTER": "none"}).text
    assert os.listdir(tmp_path / "home") == []


def test_console_exporter_writes_one_message_a_line(tool: Tool) -> None:
    """OTLP-JSON on standard output."""
    done = tool.measure(QUICK, "-q", environment={"OTEL_TRACES_EXPORTER": "console"})
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"resourceSpans"')]
    assert lines
    assert done.stdout.count('"spanId"') == SPANS
