"""Receivers of OTLP over gRPC that answer with any status, any bytes, or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # has none
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from benchmarks.faults.fault import Fault, Trial
from benchmarks.faults.groups.receivers_http import Expected, expect_kept, partial
from benchmarks.faults.raw_receiver import RawReceiver, forever, hang, reset, response, say, span_ids
from benchmarks.faults.waiting_batches import WaitingBatches
from benchmarks.receiver import free_port

Handler = Callable[[bytes, grpc.ServicerContext], bytes]
GRPC = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


@contextmanager
def _listening(handler: Handler) -> Iterator[str]:
    """Yield the address of a receiver that answers every call by the handler."""

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: object) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ARG002
            return grpc.unary_unary_rpc_method_handler(handler)

    server = grpc.server(ThreadPoolExecutor(4), handlers=[Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(0)


def _abort(code: grpc.StatusCode, trailing: Sequence[tuple[str, str | bytes]] = (), text: str = "no") -> Handler:
    def handle(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(tuple(trailing))
        context.abort(code, text)
        raise AssertionError

    return handle


def _retry_info(seconds: int) -> list[tuple[str, str | bytes]]:
    """Return the metadata of a status that asks for a pause."""
    info, packed = RetryInfo(), AnyMessage()
    info.retry_delay.seconds = seconds
    packed.Pack(info)
    return [("grpc-status-details-bin", Status(code=8, details=[packed]).SerializeToString())]


def _wait(_: bytes, context: grpc.ServicerContext) -> bytes:
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait(60)
    return b""


def _fault(name: str, handler: Handler | Sequence[Handler], expected: Expected) -> Fault:
    def attempt(trial: Trial) -> None:
        handlers = [handler] if callable(handler) else list(handler)
        taken: Counter[str] = Counter()

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            answer = (handlers.pop(0) if len(handlers) > 1 else handlers[0])(request, context)
            taken.update(span_ids(request))
            return answer

        batches = WaitingBatches(trial)
        with _listening(handle) as address:
            status = 0 if expected == "delivered" else 4
            batches.replay("--endpoint", address, environment=GRPC, statuses=(status,))
        expect_kept(batches, expected)
        batches.expect_rest_is_delivered_once(taken if expected == "delivered" else Counter())

    return Fault(f"gRPC: {name}", attempt)


def _raw_fault(name: str, answer: Callable[[socket.socket], None] | None) -> Fault:
    """Return a fault: the port speaks no gRPC; None: nobody listens."""

    def attempt(trial: Trial) -> None:
        batches = WaitingBatches(trial)
        with RawReceiver(answer or hang, reads=False) as receiver:
            address = receiver.url if answer else f"http://127.0.0.1:{free_port()}"
            batches.replay("--endpoint", address, environment=GRPC, statuses=(4,))
        expect_kept(batches, "kept")
        batches.expect_rest_is_delivered_once(Counter())

    return Fault(f"gRPC: {name}", attempt)


def _slow(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    time.sleep(0.3)
    return b""


def grpc_faults() -> list[Fault]:
    """Return the faults of receivers of OTLP/gRPC."""
    codes = grpc.StatusCode
    kept = [code for code in codes if code not in (codes.OK, codes.INVALID_ARGUMENT)]

    def answered(body: bytes) -> Handler:
        return lambda _request, _context: body

    return [
        *(_fault(f"status {code.name}", _abort(code), "kept") for code in kept),
        _fault("status INVALID_ARGUMENT", _abort(codes.INVALID_ARGUMENT), "rejected"),
        _fault("an empty answer", answered(b""), "delivered"),
        _fault("a slow answer", _slow, "delivered"),
        _fault("a warning", answered(partial(0, "deprecated")), "delivered"),
        _fault("one rejected span", answered(partial(1, "too old")), "rejected"),
        _fault("a truncated answer", answered(partial(1, "too old")[:-2]), "kept"),
        _fault("an answer that is no protobuf", answered(b"<html>"), "kept"),
        _fault("an answer of five megabytes", answered(bytes(5 << 20)), "kept"),
        _fault("no answer", _wait, "kept"),
        _fault("RetryInfo of an hour", _abort(codes.RESOURCE_EXHAUSTED, _retry_info(3600)), "kept"),
        _fault("RetryInfo of ages", _abort(codes.UNAVAILABLE, _retry_info(1 << 38)), "kept"),
        _fault("RetryInfo in the past", _abort(codes.UNAVAILABLE, _retry_info(-5)), "kept"),
        _fault("RetryInfo that is none", _abort(codes.UNAVAILABLE, [("grpc-status-details-bin", b"\xff\xff")]), "kept"),
        _fault("a message of 5,000 characters", _abort(codes.INTERNAL, text="x\x1b[2J" * 1000), "kept"),
        _fault("busy once, then well", [_abort(codes.UNAVAILABLE, _retry_info(0)), answered(b"")], "delivered"),
        _raw_fault("refused", None),
        _raw_fault("a port that hangs", hang),
        _raw_fault("a port that resets", reset),
        _raw_fault("a port that speaks HTTP/1.1", say(response(200), close=True)),
        _raw_fault("a port that drips", forever(b"\0\0\0\4\0\0\0\0\0", b"\0")),
    ]
