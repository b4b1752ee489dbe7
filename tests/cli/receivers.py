"""OTLP receivers over HTTP that answer as they are told: with an error, late, in part, or not at all."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Answer(NamedTuple):
    """What a request gets."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0


def partial(rejected: int, why: str) -> Answer:
    """Most of it was taken."""
    message = ExportTraceServiceResponse()
    message.partial_success.rejected_spans = rejected
    message.partial_success.error_message = why
    return Answer(body=message.SerializeToString())


class Receiver(ThreadingHTTPServer):
    """Answers requests for spans by ``answers``, one after the other, then by ``always``; other signals with 200."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, *answers: Answer, always: Answer | None = None, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers = list(answers)
        self.always = always or Answer()
        self.taken: list[ExportTraceServiceRequest] = []
        """Requests for spans that were answered with 200."""
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self.lock = threading.Lock()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error here."""

    def close(self) -> None:
        """Nobody listens any longer."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """For ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        """In the order in which they were taken."""
        return [
            span for one in self.taken for group in one.resource_spans for scope in group.scope_spans for span in scope.spans
        ]

    @property
    def times_taken(self) -> Counter[str]:
        """How often each span was taken, by id."""
        return Counter(span.span_id.hex() for span in self.spans)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        answer = Answer()
        with server.lock:
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.path.endswith("/v1/traces"):
                server.asked += 1
                answer = server.answers.pop(0) if server.answers else server.always
        time.sleep(answer.seconds)
        if answer.status == 200:
            with server.lock:
                if self.path.endswith("/v1/traces"):
                    server.taken.append(ExportTraceServiceRequest.FromString(body))
                elif self.path.endswith("/v1/metrics"):
                    server.metrics.append(ExportMetricsServiceRequest.FromString(body))
                else:
                    server.logs.append(ExportLogsServiceRequest.FromString(body))
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("content-length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""
