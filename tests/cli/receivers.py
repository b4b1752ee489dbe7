"""OTLP receivers over HTTP with planned responses: an error, a late one, a partial one, or none."""

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


class PlannedResponse(NamedTuple):
    """Response to one request for spans."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0


def partial(rejected: int, why: str) -> PlannedResponse:
    """Return a response that takes a part of the spans."""
    message = ExportTraceServiceResponse()
    message.partial_success.rejected_spans = rejected
    message.partial_success.error_message = why
    return PlannedResponse(body=message.SerializeToString())


class Receiver(ThreadingHTTPServer):
    """Answers requests for spans by ``responses``, one after the other, then by ``always``.

    Other signals get 200; ``unsupported`` signals get 404.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        *responses: PlannedResponse,
        always: PlannedResponse | None = None,
        unsupported: tuple[str, ...] = (),
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.responses = list(responses)
        self.always = always or PlannedResponse()
        self.unsupported = unsupported
        self.taken: list[ExportTraceServiceRequest] = []
        """Requests for spans that were answered with 200."""
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.requests = 0
        """For spans."""
        self.lock = threading.Lock()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that went away."""

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return the address for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        """Return all spans in the order in which they were taken."""
        return [
            span
            for request in self.taken
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    @property
    def times_taken(self) -> Counter[str]:
        """Return how often each span was taken, by id."""
        return Counter(span.span_id.hex() for span in self.spans)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        response = PlannedResponse()
        signal = self.path.rpartition("/")[2]
        with server.lock:
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            if signal in server.unsupported:
                response = PlannedResponse(404)
            elif signal == "traces":
                server.requests += 1
                response = server.responses.pop(0) if server.responses else server.always
        time.sleep(response.seconds)
        if response.status == 200:
            with server.lock:
                if signal == "traces":
                    server.taken.append(ExportTraceServiceRequest.FromString(body))
                elif signal == "metrics":
                    server.metrics.append(ExportMetricsServiceRequest.FromString(body))
                else:
                    server.logs.append(ExportLogsServiceRequest.FromString(body))
        self.send_response(response.status)
        for name, value in (*response.headers, ("content-length", str(len(response.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""
