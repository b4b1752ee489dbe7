"""Receivers of OTLP over HTTP that answer, late, wrongly or not at all: each batch is delivered once, or kept."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.raw_receiver import OK, Answer, RawReceiver, answers_of, forever, hang, reset, response, say
from benchmarks.faults.waiting_batches import WaitingBatches

Expected = Literal["delivered", "kept", "rejected"]
PROTOBUF = "Content-Type: application/x-protobuf"
JSON = "Content-Type: application/json"
GZIP = "Content-Encoding: gzip"
HTML = b"<html><head><title>Log in</title></head><body>Log in to the network</body></html>"
_STATUSES: Mapping[Expected, Sequence[int]] = {"delivered": (0,), "kept": (4,), "rejected": (4,)}


def partial(rejected: int, message: str) -> bytes:
    """Return the body of a response that rejects some spans."""
    made = ExportTraceServiceResponse()
    made.partial_success.rejected_spans = rejected
    made.partial_success.error_message = message
    return made.SerializeToString()


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a response in chunks."""
    body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return response(200, b"", PROTOBUF, "Transfer-Encoding: chunked", length=-1) + body + end


def receiver_fault(
    name: str, answer: Answer | Sequence[Answer], expected: Expected, *, reads: bool = True, in_ci: bool = False
) -> Fault:
    """Return a fault: three batches are replayed to a receiver, then the rest to one that works."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(*answers_of(answer), reads=reads) as receiver:
            batches.replay("--endpoint", receiver.url, statuses=_STATUSES[expected])
            taken = receiver.times_taken()
            taken[batches.ids[0]] -= len(answers_of(answer)) - 1  # only the last of several answers confirms a batch
        expect_kept(batches, expected)
        batches.expect_rest_is_delivered_once(taken if expected == "delivered" else Counter())

    return Fault(name, attempt, in_ci)


def expect_kept(batches: WaitingBatches, expected: Expected) -> None:
    """Check that the batches are gone, wait, or are set aside."""
    waiting = 3 if expected == "kept" else 0
    expect(batches.waiting().total() == waiting, f"{batches.waiting().total()} batches wait, not {waiting}")
    aside = 3 if expected == "rejected" else 0
    expect(batches.set_aside().total() == aside, f"{batches.set_aside().total()} batches are set aside, not {aside}")


def _status_faults() -> list[Fault]:
    retry_after = {
        "without Retry-After": (),
        "with Retry-After of an hour": ("Retry-After: 3600",),
        "with a negative Retry-After": ("Retry-After: -5",),
        "with a date as Retry-After": ("Retry-After: Fri, 31 Dec 2100 23:59:59 GMT",),
        "with a Retry-After that is no number": ("Retry-After: soon\t\x0bx",),
        "with a Retry-After of 400 digits": (f"Retry-After: {'9' * 400}",),
    }
    kept: tuple[int, ...] = (101, 300, 304, 401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 414, 415, 418, 421, 431, 451)
    kept += (500, 501, 502, 504, 505, 507, 511, 599, 999)
    made = [receiver_fault(f"status {status}", say(response(status, b"no")), "kept") for status in kept]
    made += [
        receiver_fault(f"status {status} {name}", say(response(status, b"", *headers)), "kept")
        for status in (429, 503)
        for name, headers in retry_after.items()
    ]
    made += [
        receiver_fault(f"redirect {status}", say(response(status, b"", "Location: /v1/traces")), "kept")
        for status in (301, 302, 303, 307, 308)
    ]
    made += [receiver_fault(f"status {status}", say(response(status, b"no")), "rejected") for status in (400, 413, 422)]
    made += [
        receiver_fault(f"status {status} without a body", say(response(status, b"", length=length)), "delivered")
        for status, length in ((200, None), (202, None), (204, -1))
    ]
    busy = say(response(503, b"", "Retry-After: 0"))
    made.append(receiver_fault("busy once, then well", [busy, OK], "delivered"))
    return made


def _body_faults() -> list[Fault]:
    warning, refusal = partial(0, "deprecated"), partial(1, "too old")
    bodies: list[tuple[str, Expected, bytes]] = [
        ("a warning and no rejected span", "delivered", response(200, warning, PROTOBUF)),
        ("a field that no version has yet", "delivered", response(200, b"\xc2\x3e\x03abc", PROTOBUF)),
        ("one rejected span", "rejected", response(200, refusal, PROTOBUF)),
        ("more rejected spans than were sent", "rejected", response(200, partial(1 << 40, "x" * 40_000), PROTOBUF)),
        ("a rejection with control characters", "rejected", response(200, partial(1, "\x1b]0;a\x07\x1b[2J\n\n"), PROTOBUF)),
        ("an empty object of JSON", "delivered", response(200, b"{}", JSON)),
        ("a rejection in JSON", "rejected", response(200, b'{"partialSuccess":{"rejectedSpans":"1"}}', JSON)),
        ("an error in JSON", "kept", response(200, b'{"error": "unauthorized"}', JSON)),
        ("half an object of JSON", "kept", response(200, b'{"partialSuccess":', JSON)),
        ("JSON nested ten thousand deep", "kept", response(200, b"[" * 10_000 + b"]" * 10_000, JSON)),
        ("HTML", "kept", response(200, HTML, "Content-Type: text/html")),
        ("HTML without a type", "kept", response(200, HTML)),
        ("HTML as protobuf", "kept", response(200, HTML, PROTOBUF)),
        ("plain text", "kept", response(200, b"OK", "Content-Type: text/plain")),
        ("a truncated protobuf", "kept", response(200, refusal[:-3], PROTOBUF)),
        ("a wrong protobuf", "kept", response(200, b"\x0a\x05abc", PROTOBUF)),
        ("a protobuf of groups without an end", "kept", response(200, b"\x0b" * 5000, PROTOBUF)),
        ("a megabyte of zeros", "kept", response(200, bytes(1 << 20), PROTOBUF)),
        ("a gzipped answer that nobody asked for", "delivered", response(200, gzip.compress(warning), PROTOBUF, GZIP)),
        ("a deflated answer", "delivered", response(200, zlib.compress(warning), PROTOBUF, "Content-Encoding: deflate")),
        ("an answer that says gzip and is not", "kept", response(200, warning, PROTOBUF, GZIP)),
        ("half a gzipped answer", "kept", response(200, gzip.compress(refusal * 9)[:20], PROTOBUF, GZIP)),
        ("chunks", "delivered", chunked(warning[:3], warning[3:])),
        ("no chunk", "delivered", chunked()),
        ("chunks of half a protobuf", "kept", chunked(refusal[:4])),
    ]  # fmt: skip
    return [receiver_fault(f"200 with {name}", say(data), expected) for name, expected, data in bodies]


def _answer_with_bomb(connection: socket.socket) -> None:
    """Answer with a quarter of a gigabyte in 250 kB."""
    connection.sendall(response(200, gzip.compress(bytes(256 << 20), 9), PROTOBUF, GZIP))


def _framing_faults() -> list[Fault]:
    head = b"HTTP/1.1 200 OK\r\n"
    cut: list[tuple[str, bytes]] = [
        ("a body shorter than its length", response(200, b"\x0a", PROTOBUF, length=50)),
        ("chunks without an end", chunked(b"\x0a\x00", end=b"")),
        ("a chunk with a length that is no number", chunked(end=b"zz\r\n\r\n")),
        ("a chunk shorter than its length", chunked(end=b"ff\r\nabc")),
        ("half a head", head + b"Content-Le"),
        ("only a status line", head),
        ("a head without its empty line", head + b"Content-Type: application/x-protobuf\r\n"),
        ("a status line that is none", b"BANANA 200 OK\r\n\r\n"),
        ("a status that is no number", b"HTTP/1.1 abc OK\r\n\r\n"),
        ("random bytes", bytes(range(256)) * 4),
        ("an empty line", b"\r\n"),
        ("a header line of a megabyte", head + b"A: " + b"x" * (1 << 20) + b"\r\n\r\n"),
        ("ten thousand headers", head + b"A: b\r\n" * 10_000 + b"\r\n"),
        ("two different lengths", response(200, b"\x0a\x00", PROTOBUF, "Content-Length: 9")),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ]
    made = [receiver_fault(f"answer with {name}", say(data, close=True), "kept") for name, data in cut]
    page = response(200, HTML, "Content-Type: text/html", length=-1)
    made += [
        receiver_fault("HTML up to the end of the connection", say(page, close=True), "kept"),
        receiver_fault("200 with a gzip bomb", _answer_with_bomb, "kept"),
        receiver_fault("nothing, and closes", say(close=True), "kept"),
        receiver_fault("reset instead of an answer", reset, "kept"),
        receiver_fault("close before the request is read", say(close=True), "kept", reads=False),
        receiver_fault("413 before the request is read", say(response(413), close=True), "rejected", reads=False),
        receiver_fault("200 that says it closes", say(response(200, b"", "Connection: close"), close=True), "delivered"),
        receiver_fault("200 that closes without saying so", say(response(200), close=True), "delivered"),
        receiver_fault("200 of HTTP/1.0", say(b"HTTP/1.0 200 OK\r\n\r\n", close=True), "delivered"),
        receiver_fault("200 with bytes of another answer behind it", say(response(200) + HTML), "delivered"),
    ]  # fmt: skip
    return made


def _slow_faults() -> list[Fault]:
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"
    slow_head = say(*(bytes([byte]) for byte in response(200)), pause=0.005)
    return [
        receiver_fault("never an answer", hang, "kept"),
        receiver_fault("never an answer, and the request is not read", hang, "kept", reads=False),
        receiver_fault("a head that drips without an end", forever(b"HTTP/1.1 200 OK\r\nA: ", b"x"), "kept"),
        receiver_fault("headers without an end", forever(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "kept"),
        receiver_fault("a body that drips", forever(response(200, b"", PROTOBUF, length=9000), b"\0"), "kept"),
        receiver_fault("a body that drips below 401", forever(response(401, b"", length=9000), b"x"), "kept"),
        receiver_fault("chunks without an end", forever(chunked(end=b""), b"1\r\n\0\r\n"), "kept"),
        receiver_fault("100 Continue without an end", forever(b"", proceed), "kept", in_ci=True),
        receiver_fault("100 Continue as fast as possible", forever(b"", proceed * 100, pause=0.0), "kept"),
        receiver_fault("102 Processing without an end", forever(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), "kept"),
        receiver_fault("a body as fast as possible", forever(response(200, b"", length=-1), bytes(65_536), 0.0), "kept"),
        receiver_fault("100 Continue, then 200", say(proceed, response(200)), "delivered"),
        receiver_fault("a head that drips and ends in time", slow_head, "delivered"),
        receiver_fault("half a second before each answer", say(response(200), pause=0.5), "delivered"),
    ]


def http_faults() -> list[Fault]:
    """Return the faults of receivers that listen and answer over HTTP."""
    return [*_status_faults(), *_body_faults(), *_framing_faults(), *_slow_faults()]
