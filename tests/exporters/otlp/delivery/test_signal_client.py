"""Sending one batch: the judgement of a result, and the pauses between attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.receiver import free_port
from otel_memeval.exporters.otlp.delivery.send_result import SendOutcome, SendResult
from otel_memeval.exporters.otlp.delivery.signal_client import FIRST_RETRY_SECONDS, RetryPause, SignalClient
from otel_memeval.exporters.otlp.settings import Destination, Signal
from tests.cli.receivers import PlannedResponse, Receiver, partial

LINES: dict[Signal, bytes] = {
    "traces": b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}',
    "metrics": b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "x"}]}]}]}',
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a receiver that a test plans."""
    made = Receiver()
    yield made
    made.close()


def send(endpoint: str, signal: Signal = "traces", line: bytes = b"", **options: object) -> SendResult:
    """Send one batch to a receiver."""
    destination = Destination(protocol="http/protobuf", endpoint=f"{endpoint}/v1/{signal}", **options)  # type: ignore[arg-type]
    client = SignalClient(signal, destination)
    try:
        return client.send_line(line or LINES[signal])
    finally:
        client.close()


def test_batch_is_delivered(receiver: Receiver) -> None:
    """The receiver has the span."""
    assert send(receiver.url) == SendResult(outcome="delivered")
    assert [span.name for span in receiver.spans] == ["x"]


def test_partial_success_rejects_the_rest(receiver: Receiver) -> None:
    """The number of rejected items and the receiver's reason are in the result."""
    receiver.responses.append(partial(2, "too old"))
    assert send(receiver.url) == SendResult(outcome="rejected", rejected_items=2, reason="too old")


@pytest.mark.parametrize(
    ("signal", "own_endpoint", "outcome"),
    [("metrics", False, "unsupported"), ("metrics", True, "refused"), ("traces", False, "refused")],
)
def test_404_means_an_unsupported_signal_or_a_wrong_address(
    receiver: Receiver, signal: Signal, own_endpoint: bool, outcome: SendOutcome
) -> None:
    """Every receiver takes spans, and an endpoint named for one signal must take that signal."""
    receiver.unsupported = (signal,)
    assert send(receiver.url, signal, own_endpoint=own_endpoint).outcome == outcome


def test_receiver_that_is_busy_is_retried(receiver: Receiver) -> None:
    """The pause that it asks for is in the result."""
    receiver.responses.append(PlannedResponse(503, (("Retry-After", "3"),)))
    result = send(receiver.url)
    assert (result.outcome, result.retry_after_seconds, result.answered) == ("retry", 3.0, True)


def test_receiver_that_is_gone_is_retried() -> None:
    """The result says that nobody answered."""
    result = send(f"http://127.0.0.1:{free_port()}")
    assert (result.outcome, result.answered) == ("retry", False)
    assert "refused" in result.reason


@pytest.mark.parametrize("line", [b"nonsense", b"[" * 10_000, b'{"resourceSpans":' + b"[" * 100 + b"]" * 100 + b"}"])
def test_line_that_is_no_message_is_unreadable(receiver: Receiver, line: bytes) -> None:
    """Nothing is sent, and nobody says that the receiver rejected it."""
    assert send(receiver.url, line=line).outcome == "unreadable"
    assert receiver.requests == 0


@pytest.mark.parametrize(
    ("media_type", "body", "outcome"),
    [
        ("", b"", "delivered"),
        ("text/html", b"", "delivered"),
        ("application/x-protobuf", b"\x0a\x00", "delivered"),
        ("application/json", b'{"message": "OK"}', "delivered"),
        ("application/json", b'{"partialSuccess": {"rejectedSpans": "2"}}', "rejected"),
        ("application/json", b'{"error": "no"}', "refused"),
        ("application/json", b"[" * 10_000, "refused"),
        ("text/html; charset=utf-8", b"<html>Log in</html>", "refused"),
        ("text/plain", b"OK", "refused"),
        ("", b"<html>Log in</html>", "refused"),
        ("application/x-protobuf", partial(2, "too old").body[:-1], "refused"),
    ],
)
def test_status_200_is_a_delivery_if_the_answer_is_an_otlp_response(
    receiver: Receiver, media_type: str, body: bytes, outcome: SendOutcome
) -> None:
    """A page of a proxy and a truncated response are no delivery."""
    receiver.responses.append(PlannedResponse(200, (("Content-Type", media_type),), body))
    assert send(receiver.url).outcome == outcome


def test_missing_certificate_refuses_every_batch(receiver: Receiver) -> None:
    """The file is named."""
    result = send(receiver.url, certificate="/missing/ca.pem")
    assert result.outcome == "refused"
    assert "/missing/ca.pem" in result.reason


def test_pause_is_doubled_up_to_the_limit() -> None:
    """A pause that the receiver asks for replaces one of them; after a reset the first pause comes again."""
    pause = RetryPause(3.0)
    again = SendResult(outcome="retry")
    assert [pause.next_seconds(again) for _ in range(5)] == [FIRST_RETRY_SECONDS, 1.0, 2.0, 3.0, 3.0]
    assert pause.next_seconds(SendResult(outcome="retry", retry_after_seconds=9.0)) == 9.0
    pause.reset()
    assert pause.next_seconds(again) == FIRST_RETRY_SECONDS
