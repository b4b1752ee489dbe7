"""Runs against receivers that are well, ill, slow or gone: nothing is lost, and nobody waits."""

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
from tests.cli.receivers import Answer, Receiver, partial

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Tool

QUICK = "async def run():\n    import asyncio\n    await asyncio.sleep(0)\n"
LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
SPANS = 6
"""Of five iterations."""

MakeReceiver = Callable[..., Receiver]


@pytest.fixture
def receiver() -> Iterator[MakeReceiver]:
    """Makes receivers, and closes them."""
    made: list[Receiver] = []

    def make(*answers: Answer, **options: object) -> Receiver:
        made.append(Receiver(*answers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool of this test's own, beside what the tool may not touch."""
    return tmp_path / "spool"


def batches(spool: Path, signal: str = "*") -> list[Path]:
    """What waits in a spool."""
    return sorted(spool.glob(f"*/*.{signal}.jsonl"))


def variables(endpoint: str, spool: Path, **more: str) -> dict[str, str]:
    """The environment of an exporting run."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "MEMEVAL_SPOOL": str(spool), **more}


def export(tool: Tool, endpoint: str, spool: Path, *options: str, source: str = QUICK, **more: str) -> Done:
    """Five iterations."""
    return tool.measure(source, "--fail-on", "failed", *options, environment=variables(endpoint, spool, **more))


def replay(tool: Tool, endpoint: str, spool: Path, *options: str, **more: str) -> Done:
    """Send what waits."""
    return tool.run("replay", "--timeout", "1", *options, environment=variables(endpoint, spool, **more), json_file=False)


def test_what_is_taken_is_taken_once_and_nothing_waits(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """Spans, metrics and the verdict's record; headers and compression as the variables say; the result has the trace."""
    there = receiver()
    done = export(tool, there.url, spool, OTEL_EXPORTER_OTLP_HEADERS="x-key=abc", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert done.status == 0
    assert set(there.times_taken.values()) == {1}
    assert len(there.spans) == SPANS
    assert {span.trace_id.hex() for span in there.spans} == {done.result.run.trace_id}
    assert len(there.logs) == len(there.metrics) == 1
    assert {(one["x-key"], one["content-encoding"]) for one in there.headers} == {("abc", "gzip")}
    assert batches(spool) == []
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in done.text
    run = next(span for span in there.spans if span.name.startswith("memeval.run"))
    for span in there.spans:
        assert run.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= run.end_time_unix_nano


@pytest.mark.parametrize(
    "ill", [Answer(429, (("Retry-After", "1"),)), Answer(503, (("Retry-After", "0"),)), Answer(503), Answer(502)]
)
def test_a_receiver_that_asks_for_patience_gets_it(tool: Tool, receiver: MakeReceiver, spool: Path, ill: Answer) -> None:
    """429 and 503, with and without Retry-After: sent again, taken once, status 0."""
    there = receiver(ill)
    done = export(tool, there.url, spool)
    assert (done.status, set(there.times_taken.values()), len(there.spans)) == (0, {1}, SPANS)
    assert there.asked > 1
    assert batches(spool) == []


@pytest.mark.parametrize("how", ["hangs", "refuses", "is ill for long", "wants a key"])
def test_a_receiver_that_takes_nothing_costs_two_seconds_at_most_and_loses_nothing(
    tool: Tool, receiver: MakeReceiver, spool: Path, how: str
) -> None:
    """Status 4, the spans wait, and replay brings each to a receiver that is well, once."""
    well = receiver()
    before = export(tool, well.url, spool).seconds
    always = {
        "hangs": Answer(seconds=30.0),
        "is ill for long": Answer(503, (("Retry-After", "3600"),)),
        "wants a key": Answer(401),
    }
    url = f"http://127.0.0.1:{free_port()}" if how == "refuses" else receiver(always=always[how]).url
    done = export(tool, url, spool)
    assert done.status == 4
    assert "not delivered to http://127.0.0.1" in done.text
    assert "otel-memeval replay" in done.text
    assert done.seconds < before + 2 + 1.5, "half of that is for a busy machine"
    waiting = batches(spool)
    assert waiting
    assert {path.stat().st_mode & 0o777 for path in waiting} == {0o600}
    taken = len(well.spans)
    sent = replay(tool, well.url, spool)
    assert (sent.status, batches(spool)) == (0, [])
    assert len(well.spans) == taken + SPANS
    assert set(well.times_taken.values()) == {1}


def test_a_part_that_is_rejected_is_told_kept_and_not_sent_again(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """The specification forbids to send it again: the rest would be there twice."""
    there = receiver(partial(2, "too old, api_key=abcdef123"))
    done = export(tool, there.url, spool)
    assert done.status == 4
    assert "rejected 2 spans: too old" in done.text
    assert "abcdef123" not in done.text
    assert [path.suffixes[1] for path in batches(spool, "traces.rejected")] == [".rejected"]
    asked = there.asked
    assert replay(tool, there.url, spool).status == 0
    assert there.asked == asked


def test_a_batch_that_is_no_good_does_not_stop_the_others(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """400 for one of them: set aside, and what follows is taken."""
    there = receiver(Answer(400))
    done = export(tool, there.url, spool, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1")
    assert done.status == 4
    assert len(there.spans) == SPANS - 1
    assert len(batches(spool, "traces.rejected")) == 1
    assert batches(spool, "traces") == []


def test_a_receiver_of_spans_only_is_good_enough(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """It answers 404 to metrics and logs: told in a line, status 0. To spans it is an error."""
    there = receiver(always=Answer(404))
    assert export(tool, there.url, spool, OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none").status == 4
    done = export(tool, f"{there.url}/nothing", spool, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{there.url}/v1/traces")
    assert done.status == 4


def test_a_full_spool_keeps_the_oldest_and_says_so(tool: Tool, spool: Path) -> None:
    """Not more than its size, the first batches of all, and a word on what is lost."""
    gone = f"http://127.0.0.1:{free_port()}"
    more = {"MEMEVAL_SPOOL_BYTES": "6000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
    done = export(tool, gone, spool, "--iterations", "20", **more)
    assert done.status == 4
    assert "is full (6000 bytes)" in done.text
    assert "are lost" in done.text
    waiting = batches(spool)
    assert 0 < sum(path.stat().st_size for path in waiting) <= 6000
    assert [path.name.partition(".")[0] for path in waiting] == [f"{number:06d}" for number in range(1, len(waiting) + 1)]


def test_a_spool_that_cannot_be_written_does_not_stop_the_export(tool: Tool, receiver: MakeReceiver, tmp_path: Path) -> None:
    """A file stands where its folder should be: told, and sent all the same."""
    there = receiver()
    (tmp_path / "spool").write_text("")
    done = export(tool, there.url, tmp_path / "spool")
    assert done.status == 0
    assert "cannot be written" in done.text
    assert len(there.spans) == SPANS


def test_no_secret_is_written_or_shown(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """Header values and passwords in addresses reach the receiver, and no file and no line."""
    more = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hidden-key-1"}
    gone = export(tool, f"http://user:hidden-word-2@127.0.0.1:{free_port()}", spool, **more)
    assert gone.status == 4
    written = b"".join(path.read_bytes() for path in batches(spool))
    for secret in ("hidden-key-1", "hidden-word-2", "user:"):
        assert secret not in gone.text
        assert secret.encode() not in written
    there = receiver()
    assert replay(tool, there.url, spool, **more).status == 0
    assert {one["authorization"] for one in there.headers} == {"Bearer hidden-key-1"}


def test_a_certificate_that_has_expired_is_no_receiver_until_it_is_renewed(
    tool: Tool, receiver: MakeReceiver, spool: Path, tmp_path: Path
) -> None:
    """The spans wait; with a valid one, OTEL_EXPORTER_OTLP_CERTIFICATE and a client's certificate they are taken."""
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


def test_a_verdict_goes_before_a_delivery(tool: Tool, spool: Path) -> None:
    """A leak and a dead receiver: status 1, and what was measured is in the result."""
    done = tool.measure(LEAK, environment=variables(f"http://127.0.0.1:{free_port()}", spool))
    assert (done.status, done.result.verdict.state) == (1, "leaking")


def test_the_calling_process_exports_too(tool: Tool, receiver: MakeReceiver, spool: Path) -> None:
    """--in-process: the same spans, told when all is over."""
    there = receiver()
    done = export(tool, there.url, spool, "--in-process")
    assert (done.status, len(there.spans)) == (0, SPANS)
    assert {span.trace_id.hex() for span in there.spans} == {done.result.run.trace_id}


def test_nothing_configured_sends_nothing_imports_nothing_and_says_how(tool: Tool, tmp_path: Path) -> None:
    """One line, and none with -q or where exporters are switched off; the SDK is not even imported; no spool is made."""
    home = {"HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    program = (sys.executable, "-X", "importtime", "-m", "otel_memeval")
    done = tool.measure(QUICK, environment=home, program=program)
    assert done.status == 0
    assert done.text.count("OTEL_EXPORTER_OTLP_ENDPOINT") == 1
    for package in ("opentelemetry.sdk", "grpc", "requests", "google.protobuf"):
        assert f" {package}\n" not in done.stderr
    assert "OTEL_" not in tool.measure(QUICK, "-q", environment=home).text
    assert "OTEL_" not in tool.measure(QUICK, environment={**home, "OTEL_TRACES_EXPORTER": "none"}).text
    assert os.listdir(tmp_path / "home") == []


def test_the_console_is_an_exporter(tool: Tool) -> None:
    """OTLP-JSON, one message a line, on standard output."""
    done = tool.measure(QUICK, "-q", environment={"OTEL_TRACES_EXPORTER": "console"})
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"resourceSpans"')]
    assert lines
    assert done.stdout.count('"spanId"') == SPANS
